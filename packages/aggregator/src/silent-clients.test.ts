import { createMemoryStore, createRandom, createSimulatedClock, simulate } from "@shoal/actors";
import { createInProcessPlane, type RoundPlan } from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import {
  createPlayedClient,
  type PlayedClient,
  type PlayedClientOptions,
} from "../../../test/support/played-client.ts";
import { descriptionOf, float32, settingsFor, taskSize as size } from "../../../test/support/played-task.ts";
import { openAggregator, type Aggregator } from "./aggregator.ts";
import type { ChainedRound } from "./records/round-log.ts";

const kernels = createKernelSite("baseline");
const configurationTimeoutMs = 5_000;
const plan: Partial<RoundPlan> = {
  ...{ goal: 10, minimum: 10, invited: 13, configurationTimeoutMs },
  ...{ selectionTimeoutMs: 20_000, reportingTimeoutMs: 20_000 },
};

interface Crowd {
  readonly aggregator: Aggregator;
  readonly records: readonly ChainedRound[];
  /** Whoever has this name already is replaced. */
  come(name: string, options?: Partial<PlayedClientOptions>): void;
  /** It is gone without a word. */
  vanish(name: string): void;
  roundsOf(name: string): number;
  /** @returns milliseconds that each step took */
  play(steps: number): Promise<readonly number[]>;
  sleep(ms: number): Promise<void>;
}

function inCrowd<T>(given: Partial<RoundPlan>, work: (crowd: Crowd) => Promise<T>): Promise<T> {
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
      roundsOf: (name) => present.get(name)?.rounds.length ?? 0,
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

const everybody = Array.from({ length: 100 }, (_, index) => `c${index}`);
const [gone, staying] = [everybody.slice(0, 50), everybody.slice(50)];
/** A round among clients that answer: offer, training of 10 ms, and a handful of messages of 1 ms. */
const fullSpeedMs = 100;

describe("clients that are gone without a word", () => {
  it("cost one time to answer in all, and take part again when they come back", async () => {
    await inCrowd({}, async ({ come, vanish, play, roundsOf, sleep }) => {
      for (const name of everybody) come(name);
      await sleep(100);
      for (const ms of await play(4)) expect(ms).toBeLessThan(fullSpeedMs);
      for (const name of gone) vanish(name);
      const [first = 0, ...later] = await play(12);
      // All 13 that the first one draws are among those who stay once in 10^5.
      expect(first).toBeGreaterThanOrEqual(configurationTimeoutMs);
      // Those who stay have said so when they were asked.
      expect(first).toBeLessThan(configurationTimeoutMs + 500);
      for (const ms of later) expect(ms).toBeLessThan(fullSpeedMs);

      for (const name of gone) come(name);
      await sleep(100);
      for (const ms of await play(30)) expect(ms).toBeLessThan(fullSpeedMs);
      // Each is in 4 of 30 rounds on average, and in none once in 65: more than 8 of 50 in none once in 10^5.
      for (const names of [gone, staying]) {
        expect(names.filter((name) => roundsOf(name) > 0).length).toBeGreaterThan(41);
      }
    });
  });

  it("cost nothing where a round asks as many to spare, and rest after one offer that ran out", async () => {
    await inCrowd({}, async ({ come, vanish, play, records, sleep }) => {
      // Who trains for longer than there is time to answer leaves the round to find out who is silent.
      for (const [index, name] of everybody.slice(0, 40).entries()) come(name, { trainMs: index < 20 ? 10 : 6_000 });
      await sleep(100);
      for (const name of ["c0", "c20", "c39"]) vanish(name);
      const times = await play(60);
      const dropped = records.flatMap(({ body }) => body.dropped.list);
      const silent = dropped.filter(({ reason }) => reason === "it did not answer in time");
      expect(silent.map(({ client }) => client).toSorted()).toEqual(["c0", "c20", "c39"]);
      for (const ms of times) expect(ms).toBeLessThan(6_000 + fullSpeedMs);
    });
  });

  it("are named by their number while the others are waited for", async () => {
    await inCrowd({ goal: 3, minimum: 3, invited: 3 }, async ({ aggregator, come, vanish, play, sleep }) => {
      for (const name of ["a", "b", "c"]) come(name);
      await play(1);
      vanish("b");
      const next = play(1);
      await sleep(configurationTimeoutMs + 1_000);
      const waits = "2 clients are idle, 3 are needed (1 more did not answer and rests until heard of)";
      expect(aggregator.describe()).toMatch(`before round 3: ${waits}, for 1 s`);
      come("b");
      await next;
    });
  });
});
