/** Generated sparse rows of two classes: for examples where there is no file, the same on every machine. */
import { createCounterRandom } from "../random/counter-random.ts";
import { onlyInput, onlyTarget, type Dataset, type Split } from "./dataset.ts";
import { createMemorySink } from "./memory-sink.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { recordLayout } from "./record-layout.ts";
import type { LibsvmDatasetSpec, SparseSubstitute } from "./sparse-spec.ts";

const defaultFeatures = 123;
/** Features of a row: one of each group, as in data that was made from categories. */
const groups = 14;
/** Streams of the test samples start here, so they are never those of training samples. */
const firstTestStream = 2 ** 31;

/** A row's class depends on hidden weights of its features, with some noise. */
export function generateSparse(
  { file, features = defaultFeatures }: Pick<LibsvmDatasetSpec, "file" | "features">,
  { samples, testSamples }: SparseSubstitute,
): Dataset {
  const active = Math.min(groups, features);
  const preprocessing: Preprocessing = {
    version: 1,
    format: "libsvm",
    inputs: { [onlyInput]: { kind: "sparse", features, active } },
    targets: { [onlyTarget]: { kind: "classes", column: "label", names: ["-1", "1"] } },
  };
  return {
    name: file,
    source: `generated sparse rows (${samples} for training, ${testSamples} for testing) in place of ${file}, which is not there`,
    train: generateRows(features, active, samples, 0),
    test: generateRows(features, active, testSamples, firstTestStream),
    preprocessing,
  };
}

function generateRows(features: number, active: number, count: number, firstStream: number): Split {
  const weights = hiddenWeights(features, active);
  const layout = recordLayout(
    { [onlyInput]: { kind: "sparse", features, active } },
    { [onlyTarget]: { kind: "labels", classes: 2 } },
  );
  const sink = createMemorySink(layout, count, count * active);
  const words = new Uint32Array(sink.record);
  const values = new Float32Array(sink.record);
  words[0] = active;
  for (let row = 0; row < count; row += 1) {
    const random = createCounterRandom(1, "samples", firstStream + row);
    let score = random.uniform() * 2 - 1;
    for (let group = 0; group < active; group += 1) {
      const [begin, end] = groupRange(group, features, active);
      const feature = begin + random.below(end - begin);
      words[1 + group] = feature;
      values[1 + active + group] = 1;
      score += weights[feature] ?? 0;
    }
    words[1 + 2 * active] = score > 0 ? 1 : 0;
    sink.push();
  }
  return sink.split();
}

function groupRange(group: number, features: number, active: number): readonly [begin: number, end: number] {
  return [Math.floor((group * features) / active), Math.floor(((group + 1) * features) / active)];
}

/** Of mean 0 in each group, so that both classes are about equally frequent. */
function hiddenWeights(features: number, active: number): Float64Array {
  const random = createCounterRandom(2, "samples", 0);
  const weights = Float64Array.from({ length: features }, () => random.uniform() * 2 - 1);
  for (let group = 0; group < active; group += 1) {
    const [begin, end] = groupRange(group, features, active);
    const own = weights.subarray(begin, end);
    const mean = own.reduce((sum, weight) => sum + weight, 0) / own.length;
    for (let feature = 0; feature < own.length; feature += 1) own[feature] = (own[feature] ?? 0) - mean;
  }
  return weights;
}
