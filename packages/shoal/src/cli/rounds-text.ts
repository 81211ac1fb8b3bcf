/** `shoal rounds` in words. */
import type { ChainedRound, RoundRecord } from "@shoal/aggregator";
import type { Output } from "./output.ts";
import { sizeText } from "./size-text.ts";

const header = ["round", "outcome", "took", "asked", "dropped", "gave", "loss", "accuracy", "down", "up", "ε"];

/** A table of rounds, and below it who left and why. */
export function sayRounds(rounds: readonly ChainedRound[], output: Output): void {
  const rows = [header, ...rounds.map(({ body }) => rowOf(body))];
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows)
    output.line(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  for (const { body } of rounds) for (const line of droppedLines(body)) output.line(line);
}

function rowOf(record: RoundRecord): readonly string[] {
  const { round, outcome, asked, dropped, contributed, trainingLoss, testAccuracy, bytesDown, bytesUp, epsilon } =
    record;
  return [
    String(round),
    outcome,
    tookText(record),
    String(asked.count),
    String(dropped.count),
    String(contributed.count),
    trainingLoss === null ? "–" : trainingLoss.toFixed(4),
    testAccuracy === null ? "–" : `${(100 * testAccuracy).toFixed(2)} %`,
    sizeText(bytesDown),
    sizeText(bytesUp),
    epsilon === null ? "–" : epsilon.toFixed(3),
  ];
}

function tookText({ phases }: RoundRecord): string {
  const [first, last] = [phases[0], phases.at(-1)];
  return first === undefined || last === undefined ? "–" : `${((last.atMs - first.atMs) / 1000).toFixed(1)} s`;
}

function droppedLines({ round, outcome, reason, dropped }: RoundRecord): readonly string[] {
  const why = outcome === "committed" ? [] : [`round ${round} ${outcome.replace("_", " ")}: ${reason}`];
  const more = dropped.count - dropped.list.length;
  return [
    ...why,
    ...dropped.list.map((each) => `round ${round} without ${each.client}: ${each.reason}`),
    ...(more > 0 ? [`round ${round} without ${more} more`] : []),
  ];
}
