/** Clients of one aggregator that come, vanish and come back, in virtual time. */
import { createMemoryStore, createRandom, createSimulatedClock, simulate } from "@shoal/actors";
import { createInProcessPlane, type RoundPlan } from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { openAggregator, type Aggregator } from "../../packages/aggregator/src/aggregator.ts";
import type { ChainedRound } from "../../packages/aggregator/src/records/round-log.ts";
import { createKernelSite } from "./kernel-site.ts";
import { createPlayedClient, type PlayedClient, type PlayedClientOptions } from "./played-client.ts";
import { descriptionOf, float32, settingsFor, taskSize as size } from "./played-task.ts";

const kernels = createKernelSite("baseline");
export const configurationTimeoutMs = 5_000;
const plan: Partial<RoundPlan> = {
  ...{ goal: 10, minimum: 10, invited: 13, configurationTimeoutMs },
  ...{ selectionTimeoutMs: 20_000, reportingTimeoutMs: 20_000 },
};

export interface Crowd {
  readonly aggregator: Aggregator;
  readonly records: readonly ChainedRound[];
  /** Whoever has this name already is replaced. */
  come(name: string, options?: Partial<PlayedClientOptions>): void;
  /** It is gone without a word. */
  vanish(name: string): void;
  /** It says goodbye. */
  leave(name: string): Promise<void>;
  roundsOf(name: string): number;
  declinesOf(name: string): number;
  /** @returns milliseconds that each step took */
  play(steps: number): Promise<readonly number[]>;
  sleep(ms: number): Promise<void>;
}

export function inCrowd<T>(given: Partial<RoundPlan>, work: (crowd: Crowd) => Promise<T>): Promise<T> {
  const clock = createSimulatedClock();
  const settings = { ...settingsFor({ ...plan, ...given }), leaseMs: 120_000 };
  const plane = createInProcessPlane({ clock, delayMs: () => 1 });
  const present = new Map<string, PlayedClient>();
  const records: ChainedRound[] = [];
  let step = 0;
  const run = async (): Promise<T> => {
    const aggregator = await openAggregator({
      ...{ run: "r1", description: descriptionOf(settings), settings, random: createRandom("crowd"), clock },
      ...{ plane: plane.aggregator, store: createMemoryStore(), onRecord: (record) => void records.push(record) },
      codecs: createVectorCodecs(float32, { size }, kernels),
    });
    const result = await work({
      ...{ aggregator, records },
      come(name, options = {}) {
        const target = new Float32Array(size).fill(1);
        const ports = { plane: plane.connect(name), clock };
        const client = createPlayedClient({ name, task: "digits", target, ...ports, ...options });
        present.set(name, client);
        void client.start();
      },
      vanish: (name) => void present.get(name)?.stop(),
      leave: async (name) => present.get(name)?.leave(),
      roundsOf: (name) => present.get(name)?.rounds.length ?? 0,
      declinesOf: (name) => present.get(name)?.declined.length ?? 0,
      async play(steps) {
        const times: number[] = [];
        for (const last = step + steps; step < last; step += 1) {
          const begunAtMs = clock.now();
          const [parameters, gradient] = [new Float32Array(size), new Float32Array(size)];
          await aggregator.aggregate({ step, version: step, parameters, gradient });
          times.push(clock.now() - begunAtMs);
        }
        return times;
      },
      sleep: (ms) => new Promise((resolve) => void clock.after(ms, resolve)),
    });
    await aggregator.close();
    return result;
  };
  return simulate(clock, run(), { forMs: 3_600_000, maximumSteps: 2_000_000 });
}
