/**
 * A round as the gradient of a step: a worker that is asked for the gradient of batch c has clients compute it. What it
 * pushes is batch c of a synchronous run, so a round that two workers commit counts once, and whoever takes the slot over
 * goes on with the same round.
 */
import type { Clock, Random, StateStore } from "@shoal/actors";
import { openAggregator, type Aggregator } from "@shoal/aggregator";
import type { AggregatorPlane, RoundSummary } from "@shoal/federated";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import { layoutOf, parseModelSpec } from "@shoal/models";
import { createVectorCodecs } from "@shoal/optimization";
import type { JobSpec } from "@shoal/protocol";
import type { ComputePort } from "@shoal/worker";
import { taskOfJob } from "./task-of-job.ts";

export interface FederatedEnvironment {
  readonly run: string;
  readonly job: JobSpec;
  readonly plane: AggregatorPlane;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly onRound?: (summary: RoundSummary) => void;
  readonly onNote?: (sentence: string) => void;
}

/** @param own - measures and draws first values; closed with what is returned @throws ShoalError invalid_job, store_unavailable */
export function createFederatedCompute(environment: FederatedEnvironment, own: ComputePort): ComputePort {
  const { memory, kernels, clock, job, ...others } = environment;
  const { description, settings } = taskOfJob(environment.run, job);
  const { size } = description;
  const rounds = job.federated?.rounds ?? 0;
  const plain = layoutOf(parseModelSpec(job.model))
    .segments.filter(({ role }) => role === "statistic")
    .map(({ offset, length }) => ({ begin: offset, end: offset + length }));
  const codecs = createVectorCodecs({ ...settings.down, ...settings.up }, { size, plain }, { kernels, memory });
  let opening: Promise<Aggregator> | undefined;
  let stepsDone = 0;
  // Only the worker that has the slot serves clients: the others would take the task from it.
  const open = (): Promise<Aggregator> => {
    opening ??= openAggregator({ ...others, description, settings, clock, codecs });
    opening.catch(() => (opening = undefined));
    return opening;
  };
  return {
    initialize: (into) => own.initialize(into),
    async gradient({ begin: step, parameters, gradient }) {
      const aggregator = await open();
      const startedAtMs = clock.now();
      const values = memory.floats(parameters, size);
      const { loss } = await aggregator.aggregate({
        ...{ step, version: step, parameters: values, gradient: memory.floats(gradient, size) },
      });
      stepsDone = step + 1;
      // One round is one sample of the run, however many samples clients trained on.
      return { loss, samples: 1, startedAtMs, endedAtMs: clock.now() };
    },
    async evaluate(parameters) {
      const result = await own.evaluate(parameters);
      const aggregator = await opening;
      aggregator?.evaluated(stepsDone, result);
      if (stepsDone === rounds)
        await aggregator?.finish(stepsDone, memory.floats(parameters, size), "all rounds are done");
      return result;
    },
    async close() {
      const aggregator = await opening?.catch(() => undefined);
      await aggregator?.close();
      codecs.dispose();
      await own.close();
    },
  };
}
