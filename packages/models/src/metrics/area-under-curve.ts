/**
 * Area under the receiver operating characteristic: the share of pairs of a positive and a negative in which the
 * positive has the greater score; a tie counts one half (Hanley and McNeil, Radiology 143, 1982). Exact: all scores of
 * the test split are kept and sorted, four bytes each.
 *
 * One logit is the score itself; of two classes it is the difference of their logits. Several binary outputs: the mean
 * of their areas, over those that have both answers.
 */
import { createGrowingScores, type GrowingScores } from "./growing-scores.ts";
import type { MetricDefinition } from "./metric.ts";

interface Scores {
  readonly positive: GrowingScores;
  readonly negative: GrowingScores;
}

export const areaUnderCurve: MetricDefinition = {
  refuses({ loss, classes }) {
    if (loss.type === "binary_cross_entropy") return undefined;
    if (loss.type !== "softmax_cross_entropy") return `needs yes or no as answers, ${loss.type} has others`;
    return classes === 2 ? undefined : `needs two classes, there are ${classes}`;
  },
  create({ loss, positions, classes }) {
    const columns = loss.type === "binary_cross_entropy" ? classes : 1;
    const scores = Array.from({ length: columns }, (): Scores => ({
      positive: createGrowingScores(),
      negative: createGrowingScores(),
    }));
    return {
      add(outputs, target, rows) {
        for (let row = 0; row < rows * positions; row += 1) {
          for (const [column, { positive, negative }] of scores.entries()) {
            const at = row * classes + column;
            const isPositive = target.kind === "labels" ? target.labels[row] === 1 : target.numbers[at]! > 0.5;
            const score = target.kind === "labels" ? outputs[at + 1]! - outputs[at]! : outputs[at]!;
            (isPositive ? positive : negative).push(score);
          }
        }
      },
      value() {
        const areas = scores
          .filter(({ positive, negative }) => positive.length > 0 && negative.length > 0)
          .map(({ positive, negative }) => areaOf(positive.sorted(), negative.sorted()));
        return areas.length === 0 ? undefined : areas.reduce((sum, area) => sum + area, 0) / areas.length;
      },
    };
  },
};

/** Of ascending scores. Counts are exact up to 2⁵³ pairs. */
function areaOf(positive: Float32Array, negative: Float32Array): number {
  let pairs = 0;
  let below = 0;
  let upTo = 0;
  for (const score of positive) {
    while (below < negative.length && negative[below]! < score) below += 1;
    while (upTo < negative.length && negative[upTo]! <= score) upTo += 1;
    pairs += (below + upTo) / 2;
  }
  return pairs / (positive.length * negative.length);
}
