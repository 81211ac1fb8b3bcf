/**
 * A round as the gradient of a step: a worker that is asked for the gradient of batch c has clients compute it. What it
 * pushes is batch c of a synchronous run, so a round that two workers commit counts once, and whoever takes the slot over
 * goes on with the same round.
 */
import type { Clock, Random, StateStore } from "@shoal/actors";
import { openAggregator, type Aggregator, type ChainedRound } from "@shoal/aggregator";
import { ShoalError } from "@shoal/errors";
import { packShared, unpackShared, type AggregatorPlane, type RoundSummary } from "@shoal/federated";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import { createVectorCodecs } from "@shoal/optimization";
import type { JobSpec, SnapshotStore } from "@shoal/protocol";
import type { ComputePort, ComputeState } from "@shoal/worker";
import { keepVariances } from "./keep-variances.ts";
import { taskOfJob } from "./task-of-job.ts";

export interface FederatedEnvironment {
  readonly run: string;
  readonly job: JobSpec;
  readonly plane: AggregatorPlane;
  readonly store: StateStore;
  readonly snapshots?: SnapshotStore | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly onRound?: (summary: RoundSummary) => void;
  /** Told of each record of the run's audit log; of one twice, after a take-over. Must not throw. */
  readonly onRecord?: (record: ChainedRound) => void;
  /** The newest record on this machine's disk. */
  readonly lastRecord?: () => Promise<ChainedRound | undefined>;
  readonly onNote?: (sentence: string) => void;
}

/** @param own - measures and draws first values; closed with what is returned @throws ShoalError invalid_job, store_unavailable */
export function createFederatedCompute(environment: FederatedEnvironment, own: ComputePort): ComputePort {
  const { memory, kernels, clock, job, ...others } = environment;
  const { description, settings, shared, variances } = taskOfJob(environment.run, job);
  const codecs = createVectorCodecs(
    { ...settings.down, ...settings.up },
    { size: shared.count, plain: description.plain },
    { kernels, memory },
  );
  const values = new Float32Array(shared.count);
  const update = new Float32Array(shared.count);
  let origin: ComputeState | undefined;
  let opening: Promise<Aggregator> | undefined;
  // Only the worker that has the slot serves clients: the others would take the task from it.
  const open = (): Promise<Aggregator> => {
    opening ??= openAggregator({ ...others, description, settings, clock, codecs, origin });
    opening.catch(() => (opening = undefined));
    return opening;
  };
  let aggregator: Aggregator | undefined;
  let isOver = false;
  const note = (error: unknown): void => environment.onNote?.(ShoalError.from(error).message);
  return {
    initialize: (into) => own.initialize(into),
    async gradient({ begin: step, parameters, gradient }) {
      aggregator = await open();
      const startedAtMs = clock.now();
      packShared(shared, memory.floats(parameters, shared.size), values);
      const { loss } = await aggregator.aggregate({ step, version: step, parameters: values, gradient: update });
      keepVariances(values, update, variances);
      // Personal layers have no gradient here: they stay as they were drawn.
      const into = memory.floats(gradient, shared.size).fill(0);
      unpackShared(shared, update, into);
      // One round is one sample of the run, however many samples clients trained on.
      return { loss, samples: 1, startedAtMs, endedAtMs: clock.now() };
    },
    async evaluate(parameters) {
      const result = await own.evaluate(parameters);
      if (aggregator !== undefined) {
        packShared(shared, memory.floats(parameters, shared.size), values);
        // Whoever has taken the task over tells the round.
        await aggregator.evaluated(values, result).catch(note);
      }
      return result;
    },
    async capture(step) {
      aggregator = await open();
      return aggregator.save(step);
    },
    restore: (_step, state) => void (origin = state),
    describe: () => aggregator?.describe(),
    async finished(reason) {
      if (isOver) return;
      isOver = true;
      await aggregator?.finish(reason ?? "all rounds are done").catch(note);
    },
    async close() {
      const opened = await opening?.catch(() => undefined);
      await opened?.close();
      codecs.dispose();
      await own.close();
    },
  };
}
