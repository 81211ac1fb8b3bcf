/** Generated digits: a data set for when there is none, the same on every machine. */
import { createCounterRandom } from "../random/counter-random.ts";
import type { DatasetShape } from "./column-shape.ts";
import { onlyInput, onlyTarget, type Dataset, type Split } from "./dataset.ts";
import { digitSide, drawDigit } from "./draw-digit.ts";
import { sharedBuffer } from "./shared-buffer.ts";

export interface DigitsOptions {
  /** Default 12,000. */
  readonly samples?: number | undefined;
  /** Default 2,000. */
  readonly testSamples?: number | undefined;
  /** Default 1. */
  readonly seed?: number | undefined;
}

const defaultSamples = 12_000;
const defaultTestSamples = 2_000;
const digits = 10;
const features = digitSide * digitSide;
/** Streams of the test samples start here, so they are never those of training samples. */
const firstTestStream = 2 ** 31;
/** Mean and deviation of the pixels, in bytes, rounded: inputs come out near mean 0 and deviation 1. */
const pixelMean = 30;
const pixelDeviation = 57;
const scaling = { scale: 1 / pixelDeviation, shift: pixelMean };

/** What generated digits and MNIST are to a model. */
export const digitsShape: Pick<DatasetShape, "inputs" | "targets"> = {
  inputs: { [onlyInput]: { kind: "floats", width: features } },
  targets: { [onlyTarget]: { kind: "labels", classes: digits } },
};

/** Draws the data set. Sample i depends on the seed and i alone, not on how many there are. */
export function generateDigits(options: DigitsOptions = {}): Dataset {
  const { samples = defaultSamples, testSamples = defaultTestSamples, seed = 1 } = options;
  return {
    name: "digits",
    source: `generated digits (seed ${seed}, ${samples} for training, ${testSamples} for testing)`,
    train: generateSplit(seed, samples, 0),
    test: generateSplit(seed, testSamples, firstTestStream),
    // As of IDX files: a model of digits takes other images of this size.
    preprocessing: {
      version: 1,
      format: "idx",
      inputs: { [onlyInput]: { kind: "bytes", width: features, ...scaling } },
      targets: {
        [onlyTarget]: {
          kind: "classes",
          column: "label",
          names: Array.from({ length: digits }, (_, digit) => `${digit}`),
        },
      },
    },
  };
}

function generateSplit(seed: number, count: number, firstStream: number): Split {
  const inputs = new Uint8Array(sharedBuffer(count * features));
  const labels = new Int32Array(sharedBuffer(count * Int32Array.BYTES_PER_ELEMENT));
  for (let sample = 0; sample < count; sample += 1) {
    const random = createCounterRandom(seed, "digits", firstStream + sample);
    const digit = random.below(digits);
    labels[sample] = digit;
    drawDigit(digit, random, inputs.subarray(sample * features, (sample + 1) * features));
  }
  return {
    count,
    inputs: { [onlyInput]: { kind: "dense", width: features, values: inputs, ...scaling } },
    targets: { [onlyTarget]: { kind: "labels", classes: digits, values: labels } },
  };
}
