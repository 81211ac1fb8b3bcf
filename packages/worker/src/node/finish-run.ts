/** The end of a run on the worker that was chosen for it: the final parameters, measured and written. */
import {
  encodeModelFile,
  encodePreprocessing,
  preprocessingKey,
  type ModelSpec,
  type Preprocessing,
} from "@shoal/models";
import type { JobSpec, TestResult } from "@shoal/protocol";
import type { ParameterClient } from "../client/parameter-client.ts";
import type { ComputePort } from "../compute/compute-port.ts";
import type { StoppedLoop } from "../loop/training-loop.ts";
import type { VectorBuffer } from "../loop/training-buffers.ts";

export interface FinishedRun {
  readonly result: TestResult;
  /** Absolute path. */
  readonly modelFile: string;
}

export interface FinishOptions {
  readonly run: string;
  readonly job: JobSpec;
  readonly model: ModelSpec;
  /** Goes into the model file, so that the model can be used on raw data. */
  readonly preprocessing: Preprocessing | undefined;
  readonly client: Pick<ParameterClient, "pull">;
  readonly compute: Pick<ComputePort, "evaluate" | "finished">;
  /** Overwritten with the final parameters. */
  readonly buffer: VectorBuffer;
  /** When this worker's own evaluation ended the run: the values that it measured are the final ones. */
  readonly stopped: StoppedLoop | undefined;
  /** Keeps the bytes under the run's name. @returns the absolute path */
  readonly writeModel: (run: string, bytes: Uint8Array) => Promise<string>;
}

export async function finishRun(options: FinishOptions): Promise<FinishedRun> {
  const { run, job, model, preprocessing, stopped } = options;
  const { parameters, result } = stopped === undefined ? await pullAndMeasure(options) : measuredValues(stopped);
  await options.compute.finished?.(stopped?.reason);
  const metadata = {
    run,
    job: job.name,
    seed: String(job.seed),
    epochs: String(job.epochs),
    "shoal.job": JSON.stringify(job),
    test_accuracy: String(result.accuracy),
    test_loss: String(result.loss),
    test_metrics: JSON.stringify(result.metrics),
    ...(preprocessing === undefined ? {} : { [preprocessingKey]: encodePreprocessing(preprocessing) }),
  };
  const modelFile = await options.writeModel(run, encodeModelFile(model, parameters, metadata));
  return { result, modelFile };
}

interface MeasuredValues {
  readonly parameters: Float32Array;
  readonly result: TestResult;
}

async function pullAndMeasure({ client, compute, buffer }: FinishOptions): Promise<MeasuredValues> {
  // Clock 0 is never held back: whatever the mode, this is the newest version.
  await client.pull({ clock: 0, into: buffer.values });
  return { parameters: buffer.values, result: await compute.evaluate(buffer.offset) };
}

function measuredValues({ values, result }: StoppedLoop): MeasuredValues {
  return { parameters: values.buffer.values, result };
}
