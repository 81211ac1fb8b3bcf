/** Runs a model on the rows of a file, batch by batch. */
import { ShoalError } from "@shoal/errors";
import {
  createBatchFiller,
  decodePreprocessing,
  describeModel,
  preprocessingKey,
  type ModelSpec,
  type Preprocessing,
  type Split,
} from "@shoal/models";
import { loadRows, openRecordFile } from "@shoal/models/host";
import type { FoundModel } from "./find-model.ts";
import { elementsOf, openPlan, type OpenPlan } from "./open-plan.ts";
import { describeOutput, targetNames, type PredictedOutput, type Prediction } from "./prediction.ts";

/** Of one sample: of the model's only output, or by the names of several. */
export type SamplePrediction = Prediction | Readonly<Record<string, Prediction>>;

export interface PredictOptions {
  readonly cacheFolder: string;
  /** How the file is read; default: as its name tells, else as the model's own data was. */
  readonly format?: Preprocessing["format"] | undefined;
}

const batchRows = 128;

/** How the model's data was prepared. @throws ShoalError invalid_argument when the file does not say */
export function preprocessingOf({ path, metadata }: FoundModel): Preprocessing {
  const text = metadata[preprocessingKey];
  if (text !== undefined) return decodePreprocessing(text);
  const sentence = `${path} does not say how its data was prepared (${preprocessingKey}): it cannot be used on raw data. \`shoal export\` writes it for programs that prepare theirs`;
  throw new ShoalError("invalid_argument", sentence, { path });
}

/**
 * Predicts each row of a file, in its order.
 * @throws ShoalError data_not_found, data_corrupt - of the file; invalid_argument - the model takes no such rows
 */
export async function* predictRows(
  model: FoundModel,
  file: string,
  options: PredictOptions,
): AsyncGenerator<SamplePrediction> {
  const preprocessing = preprocessingOf(model);
  const split = await loadRows(preprocessing, file, options, options.format);
  const open = await openPlan(model, Math.min(batchRows, Math.max(1, split.count)));
  const outputs = outputsOf(model.spec, preprocessing);
  const filler = createBatchFiller(withoutTargets(split), open.plan, openRecordFile);
  const order = Uint32Array.from({ length: split.count }, (_, position) => position);
  try {
    for (let begin = 0; begin < split.count; begin += open.plan.batchSize) {
      const rows = filler.fill(order, begin, Math.min(split.count, begin + open.plan.batchSize));
      open.forward(rows);
      for (let row = 0; row < rows; row += 1) yield describeSample(open, outputs, row, rows);
    }
  } finally {
    filler.close();
  }
}

function withoutTargets(split: Split): Split {
  return { ...split, targets: {} };
}

type NamedOutputs = readonly (readonly [name: string, output: PredictedOutput])[];

function outputsOf(spec: ModelSpec, preprocessing: Preprocessing): NamedOutputs {
  return describeModel(spec, 1).outputs.map(({ name, loss }) => [
    name,
    { loss, names: targetNames(preprocessing, name) },
  ]);
}

function describeSample(open: OpenPlan, outputs: NamedOutputs, row: number, rows: number): SamplePrediction {
  const predictions = outputs.map(([name, output]): readonly [string, Prediction] => {
    const width = elementsOf(open.plan.outputs[name]?.shape ?? []);
    return [name, describeOutput(output, open.output(name, rows).subarray(row * width, (row + 1) * width))];
  });
  const [only] = predictions;
  return predictions.length === 1 && only !== undefined ? only[1] : Object.fromEntries(predictions);
}
