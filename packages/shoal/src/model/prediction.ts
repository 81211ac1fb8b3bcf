/** What a model says about one sample, in words that people and programs can read. */
import type { LossSpec, Preprocessing } from "@shoal/models";

/** Plain JSON. */
export interface Prediction {
  /** The likeliest class: its name where the model's data named it, else its number. */
  readonly class?: string | number;
  /** By class; one yes-or-no output has two. */
  readonly probabilities?: Readonly<Record<string, number>>;
  /** Numbers under a regression loss, by column where the columns are known. */
  readonly values?: Readonly<Record<string, number>>;
}

export interface PredictedOutput {
  readonly loss: LossSpec;
  /** Names of classes, or of columns of numbers. */
  readonly names: readonly string[] | undefined;
}

/** @param logits of one sample, borrowed */
export function describeOutput({ loss, names }: PredictedOutput, logits: Float32Array): Prediction {
  switch (loss.type) {
    case "mean_squared_error":
    case "huber":
      return { values: named(logits, names) };
    case "binary_cross_entropy":
      return describeYesNo(logits, names);
    case "softmax_cross_entropy":
    case "distillation":
      return describeClasses(softmax(logits), names);
  }
}

function describeYesNo(logits: Float32Array, names: readonly string[] | undefined): Prediction {
  const probabilities = Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
  if (probabilities.length > 1) return describeClasses(probabilities, names);
  const [yes = 0] = probabilities;
  return describeClasses([1 - yes, yes], names);
}

function describeClasses(probabilities: readonly number[], names: readonly string[] | undefined): Prediction {
  const best = probabilities.reduce((top, value, index) => (value > (probabilities[top] ?? 0) ? index : top), 0);
  return { class: names?.[best] ?? best, probabilities: named(probabilities.map(rounded), names) };
}

function softmax(logits: Float32Array): readonly number[] {
  const top = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const powers = Array.from(logits, (logit) => Math.exp(logit - top));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function named(values: ArrayLike<number>, names: readonly string[] | undefined): Readonly<Record<string, number>> {
  return Object.fromEntries(Array.from(values, (value, index) => [names?.[index] ?? String(index), value]));
}

/** Float32 has seven digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(7));
}

/** Names of the classes or columns of the only target, or of the one that is called as the output. */
export function targetNames(preprocessing: Preprocessing, output: string): readonly string[] | undefined {
  const targets = Object.entries(preprocessing.targets);
  const [, target] = targets.find(([name]) => name === output) ?? (targets.length === 1 ? targets[0]! : []);
  if (target?.kind === "classes") return target.names;
  return target?.kind === "numbers" ? target.columns : undefined;
}
