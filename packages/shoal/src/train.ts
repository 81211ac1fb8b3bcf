/** Training from a program: `await train(job, { workers, servers })`. */
import { checkJob } from "@shoal/coordinator";
import { ShoalError } from "@shoal/errors";
import type { RunStatus, TestResult } from "@shoal/protocol";
import { cancelRun, failureOf, followRun, submitRun } from "./cluster/follow-run.ts";
import { federatedCommands, refuseFederated, startLocalCluster, withAllWorkers } from "./cluster/local-cluster.ts";
import { ensureWritable, runsFolder } from "./environment/folders.ts";
import type { TypedJob } from "./job/define-job.ts";
import { setUpTelemetry } from "./telemetry/telemetry.ts";

export interface TrainOptions {
  /** Default 2. */
  readonly workers?: number;
  /** Default 2. */
  readonly servers?: number;
  /** Folder of data sets; default `SHOAL_DATA`, then the cache, then the public mirrors. */
  readonly data?: string;
  /** Folder for models and traces; default `SHOAL_RUNS`, then `.shoal/runs`. */
  readonly runs?: string;
  /** Write a trace file; default false. Leave it false in a process that installs an OpenTelemetry SDK of its own. */
  readonly trace?: boolean;
  /** Called about ten times a second with the run's status. */
  readonly onProgress?: (status: RunStatus) => void;
  /** Stops the run. */
  readonly signal?: AbortSignal;
}

export interface TrainResult extends TestResult {
  readonly run: string;
  /** Absolute path of the model, a safetensors file. */
  readonly modelFile: string;
  readonly status: RunStatus;
}

/**
 * Trains a job in this process and returns when it is over.
 * @throws ShoalError invalid_job - a field is wrong
 * @throws ShoalError invalid_argument - it is federated: clients could not reach this process
 * @throws ShoalError cancelled - by the signal
 * @throws ShoalError with the run's own error when it failed
 */
export async function train(job: TypedJob, options: TrainOptions = {}): Promise<TrainResult> {
  const { workers = 2, servers = 2 } = options;
  const spec = withAllWorkers(checkJob(job), workers);
  refuseFederated(spec, federatedCommands("shoal"));
  const runs = runsFolder(process.env, options.runs);
  ensureWritable(runs, "the option runs");
  refuseAborted(options.signal);
  const telemetry =
    options.trace === true
      ? setUpTelemetry({
          node: "local",
          runsFolder: runs,
          traceFiles: true,
          environment: {},
          onFailure: () => undefined,
        })
      : undefined;
  const cluster = await startLocalCluster({
    workers,
    servers,
    runsFolder: runs,
    dataFolder: options.data ?? process.env["SHOAL_DATA"],
    environment: process.env,
    log: () => undefined,
  });
  try {
    const { system, coordinator } = cluster;
    refuseAborted(options.signal);
    const run = await submitRun(system, coordinator, spec, crypto.randomUUID());
    const cancel = (): void => void cancelRun(system, coordinator, run).catch(() => undefined);
    options.signal?.addEventListener("abort", cancel, { once: true });
    // An abort while the job was being submitted has had no listener.
    if (options.signal?.aborted === true) cancel();
    let last: RunStatus | undefined;
    for await (const status of followRun(system, coordinator, run)) {
      options.onProgress?.(status);
      last = status;
    }
    options.signal?.removeEventListener("abort", cancel);
    return resultOf(last!);
  } finally {
    await cluster.close();
    await telemetry?.close();
  }
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new ShoalError("cancelled", "the training was cancelled before it began");
}

function resultOf(status: RunStatus): TrainResult {
  const failure = failureOf(status);
  if (failure !== null) throw failure;
  if (status.result === null) throw new Error(`run ${status.run} completed without a result`);
  return { run: status.run, ...status.result, status };
}
