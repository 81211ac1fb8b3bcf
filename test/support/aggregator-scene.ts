/** An aggregator in virtual time, and clients that join it. */
import { createMemoryStore, createRandom, createSimulatedClock, type StateStore } from "@shoal/actors";
import { createInProcessPlane, type InProcessPlane, type RoundSummary } from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { openAggregator, type Aggregator, type AggregatorOptions } from "../../packages/aggregator/src/aggregator.ts";
import type { ChainedRound } from "../../packages/aggregator/src/records/round-log.ts";
import type { AggregatorSettings } from "../../packages/aggregator/src/settings.ts";
import { createKernelSite } from "./kernel-site.ts";
import { createPlayedClient, type PlayedClient, type PlayedClientOptions } from "./played-client.ts";
import { descriptionOf, float32, taskSize as size } from "./played-task.ts";

const kernels = createKernelSite("baseline");

export interface AggregatorScene {
  readonly clock: ReturnType<typeof createSimulatedClock>;
  readonly store: StateStore;
  readonly plane: InProcessPlane;
  readonly closed: RoundSummary[];
  readonly records: ChainedRound[];
  open(): Promise<Aggregator>;
  join(name: string, value: number, options?: Partial<PlayedClientOptions>): PlayedClient;
}

/** @param others - what its aggregators are given beside the usual */
export function createAggregatorScene(
  settings: AggregatorSettings,
  others: Partial<AggregatorOptions> = {},
): AggregatorScene {
  const clock = createSimulatedClock();
  const store = others.store ?? createMemoryStore();
  const plane = createInProcessPlane({ clock, delayMs: () => 1 });
  const closed: RoundSummary[] = [];
  const records: ChainedRound[] = [];
  return {
    ...{ clock, store, plane, closed, records },
    open: () =>
      openAggregator({
        ...{ run: "r1", description: descriptionOf(settings), settings, random: createRandom("aggregator") },
        ...{ plane: plane.aggregator, store, clock, codecs: createVectorCodecs(float32, { size }, kernels) },
        onRound: (summary) => void closed.push(summary),
        onRecord: (record) => void records.push(record),
        ...others,
      }),
    join(name, value, options = {}) {
      const target = new Float32Array(size).fill(value);
      const client = createPlayedClient({
        ...{ name, task: "digits", plane: plane.connect(name), clock, target, ...options },
      });
      void client.start();
      return client;
    },
  };
}

/** Plays steps as a worker does, until the aggregator wants no more. @returns values, and why it ended */
export async function playSteps(aggregator: Aggregator, steps: number, first = 0, values = new Float32Array(size)) {
  for (let step = first; step < steps; step += 1) {
    const gradient = new Float32Array(size);
    try {
      await aggregator.aggregate({ step, version: step, parameters: values, gradient });
    } catch (error) {
      return { values, steps: step, error };
    }
    values.forEach((value, key) => (values[key] = value - (gradient[key] ?? 0)));
  }
  return { values, steps, error: undefined };
}
