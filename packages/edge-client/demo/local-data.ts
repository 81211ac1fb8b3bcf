/** The digits of this device, as splits that a client takes. */
import { nextTurn } from "@shoal/actors/browser";
import type { TrainingData } from "@shoal/edge-client";
import { generateDigits, readMnistSplit, type DenseColumn, type Split } from "@shoal/models";
import type { DrawnDigit } from "./drawing-pad.ts";

export interface DataChoice {
  /** Generated ones: how many, and whose hand draws them. */
  readonly generated: { readonly samples: number; readonly seed: number };
  /** Instead of them: two files of MNIST's format, unpacked. */
  readonly files: { readonly images: Uint8Array; readonly labels: Uint8Array } | null;
}

/** One digit of so many is held back. */
const heldBack = 10;
const leastForTest = 50;
const digits = 10;
/** Takes a phone a tenth of a second or two. */
const atATime = 250;
/** Of one tab: no other tab has their seeds. */
const handsApart = 1_000_000;

/** What there is with so many digits drawn. @throws RangeError while there are none at all */
export type LocalData = (drawn: readonly DrawnDigit[]) => Required<TrainingData>;

/** @throws ShoalError data_corrupt - files that are none, or do not belong together */
export async function openLocalData({ generated, files }: DataChoice): Promise<LocalData> {
  const base = files === null ? await generate(generated) : readMnistSplit(files.images, files.labels);
  return (drawn) => holdBack(withDrawn(base, drawn, files === null && generated.samples === 0));
}

/** So many at a time, that the page is heard meanwhile; at least one, as an example of how they lie. */
async function generate({ samples, seed }: DataChoice["generated"]): Promise<Split> {
  const count = Math.max(samples, 1);
  const parts: ReturnType<typeof columnsOf>[] = [];
  for (let at = 0; at < count; at += atATime) {
    const part = { samples: Math.min(count - at, atATime), testSamples: 1, seed: seed + parts.length * handsApart };
    parts.push(columnsOf(generateDigits(part).train));
    await nextTurn();
  }
  const [first] = parts;
  if (first === undefined) throw new RangeError("no digits were generated");
  const { input, output } = first;
  const [values, labels] = [new Uint8Array(count * input.width), new Int32Array(count)];
  for (const [index, part] of parts.entries()) {
    values.set(part.input.values, index * atATime * input.width);
    labels.set(part.output.values, index * atATime);
  }
  return { count, inputs: { input: { ...input, values } }, targets: { output: { ...output, values: labels } } };
}

function holdBack(all: Split): Required<TrainingData> {
  if (all.count < leastForTest) return { train: all, test: undefined };
  const isTest = (sample: number): boolean => sample % heldBack === heldBack - 1;
  return { train: pick(all, (sample) => !isTest(sample)), test: pick(all, isTest) };
}

/** The pictures of a split of digits. */
export function picturesOf(split: Split): DenseColumn {
  return columnsOf(split).input;
}

function columnsOf({ inputs, targets }: Split) {
  const { input } = inputs;
  const { output } = targets;
  if (input?.kind !== "dense" || output?.kind !== "labels") throw new RangeError("digits are pictures with labels");
  return { input, output };
}

function withDrawn(base: Split, drawn: readonly DrawnDigit[], alone: boolean): Split {
  const { input, output } = columnsOf(base);
  const from = alone ? 0 : base.count;
  const count = from + drawn.length;
  if (count === 0) throw new RangeError("this device has no digits: draw some, or let some be generated");
  const values = new Uint8Array(count * input.width);
  values.set(input.values.subarray(0, from * input.width));
  const labels = new Int32Array(count);
  labels.set(output.values.subarray(0, from));
  for (const [at, { pixels, label }] of drawn.entries()) {
    values.set(pixels, (from + at) * input.width);
    labels[from + at] = label;
  }
  return {
    count,
    inputs: { input: { ...input, values } },
    targets: { output: { ...output, classes: digits, values: labels } },
  };
}

function pick(all: Split, isWanted: (sample: number) => boolean): Split {
  const { input, output } = columnsOf(all);
  const wanted = Array.from({ length: all.count }, (_, sample) => sample).filter(isWanted);
  const values = new Uint8Array(wanted.length * input.width);
  for (const [at, sample] of wanted.entries()) {
    values.set(input.values.subarray(sample * input.width, (sample + 1) * input.width), at * input.width);
  }
  const labels = Int32Array.from(wanted, (sample) => output.values[sample] ?? 0);
  return {
    count: wanted.length,
    inputs: { input: { ...input, values } },
    targets: { output: { ...output, values: labels } },
  };
}
