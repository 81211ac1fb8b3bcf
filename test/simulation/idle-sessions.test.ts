/** How often joined clients ask, with the lease, the pace and the timeouts of production, in virtual time. */
import { createMemoryStore, createRandom, createSimulatedClock, simulate } from "@shoal/actors";
import { openAggregator, type Aggregator } from "@shoal/aggregator";
import { checkJob } from "@shoal/coordinator";
import { createUpdateCodec, openSession, type LocalTrainer } from "@shoal/edge-client";
import { createInProcessPlane, type ClientNotice, type ClientPlane } from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { createVectorCodecs } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { taskOfJob } from "../../packages/shoal/src/federated/task-of-job.ts";
import { createKernelSite } from "../support/kernel-site.ts";

const kernels = createKernelSite("baseline");
const codec = createUpdateCodec(await loadKernelModules());
const [second, minute, hour] = [1_000, 60_000, 3_600_000];

interface CheckIn {
  readonly client: string;
  readonly atMs: number;
}

interface Population {
  readonly checkIns: readonly CheckIn[];
  /** Check-ins while so much time passes. */
  during(ms: number): Promise<readonly CheckIn[]>;
  /** Plays the next step. @returns milliseconds that it took */
  step(): Promise<number>;
  now(): number;
  /** Another aggregator has the task. */
  takeOver(): Promise<void>;
  /** Whether a client hears a notice of this type. Default: all. */
  hears: (type: ClientNotice["type"]) => boolean;
}

interface Plan {
  readonly clients: number;
  readonly goal: number;
  readonly trainMs: number;
}

function trainerOf(clock: ReturnType<typeof createSimulatedClock>, trainMs: number): LocalTrainer {
  return {
    ...{ samples: 1, testSamples: 0, evaluate: async () => null, close: async () => undefined },
    async train(_task, { values, signal }) {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        clock.after(trainMs, () => resolve());
      });
      return { update: new Float32Array(values.length).fill(0.01), personal: null, samples: 1, steps: 1, loss: 1 };
    },
  };
}

async function amongIdle(
  { clients, goal, trainMs }: Plan,
  work: (population: Population) => Promise<void>,
): Promise<void> {
  const job = checkJob({
    name: "idle",
    model: { inputs: 784, loss: { type: "softmax_cross_entropy" }, layers: [{ type: "dense", outputs: 10 }] },
    ...{ data: { type: "digits", samples: 10 }, optimizer: { name: "sgd", learningRate: 1 } },
    federated: { rounds: 20, aggregation: { name: "fedavg", goal }, local: { learningRate: 0.1 } },
  });
  const { description, settings, shared } = taskOfJob("r1", job);
  const clock = createSimulatedClock();
  const plane = createInProcessPlane({ clock, delayMs: () => 5 });
  const checkIns: CheckIn[] = [];
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const run = async (): Promise<void> => {
    const store = createMemoryStore();
    const open = (): Promise<Aggregator> =>
      openAggregator({
        ...{ run: "r1", description, settings, random: createRandom("aggregator"), clock },
        ...{ plane: plane.aggregator, store },
        codecs: createVectorCodecs({ ...settings.down, ...settings.up }, { size: shared.count }, kernels),
      });
    let aggregator = await open();
    let next = 0;
    const population: Population = {
      ...{ checkIns, hears: () => true, now: () => clock.now() },
      async during(ms) {
        const { length } = checkIns;
        await sleep(ms);
        return checkIns.slice(length);
      },
      async takeOver() {
        await aggregator.close();
        aggregator = await open();
      },
      async step() {
        const [parameters, gradient] = [new Float32Array(shared.count), new Float32Array(shared.count)];
        const begunAtMs = clock.now();
        await aggregator.aggregate({ step: next, version: next, parameters, gradient });
        next += 1;
        return clock.now() - begunAtMs;
      },
    };
    for (let index = 0; index < clients; index += 1) {
      const client = `c${index}`;
      const own = plane.connect(client);
      const counted: ClientPlane = {
        ...own,
        request(request, timeoutMs) {
          if (request.type === "check_in") checkIns.push({ client, atMs: clock.now() });
          return own.request(request, timeoutMs);
        },
        listen: (onNotice) =>
          own.listen((notice) => {
            if (population.hears(notice.type)) onNotice(notice);
          }),
      };
      openSession({
        ...{ task: "r1", client, plane: counted, trainer: trainerOf(clock, trainMs), codec, clock },
        ...{ random: createRandom(client), device: { memoryBytes: 1e9, platform: "node" } },
      });
    }
    await sleep(second);
    await work(population);
    await aggregator.close();
  };
  await simulate(clock, run(), { forMs: 30 * hour, maximumSteps: 5_000_000 });
}

function perClient(checkIns: readonly CheckIn[]): readonly number[] {
  const counts = new Map<string, number>();
  for (const { client } of checkIns) counts.set(client, (counts.get(client) ?? 0) + 1);
  return [...counts.values()];
}

describe("idle clients", () => {
  it.each([
    [6, 4],
    [50, 10],
  ])("cost a subscription between rounds: %i clients, %i a round", async (clients, goal) => {
    await amongIdle({ clients, goal, trainMs: 5 * second }, async ({ step, during }) => {
      await step();
      await during(2 * second);
      // Every client that was in the round has said that it is there again. Nobody asks twice in half a minute.
      expect(Math.max(0, ...perClient(await during(30 * second)))).toBeLessThanOrEqual(1);
      // Whatever they were told, the next round begins with its notice.
      expect(await step()).toBeLessThan(5 * second + 100);
    });
  });

  it("ask more and more seldom while a round is being put together, or its worker is away", async () => {
    await amongIdle({ clients: 6, goal: 4, trainMs: 5 * second }, async ({ step, during }) => {
      await step();
      await during(minute);
      // After 40 s, 80 s and so on up to ten minutes: a push that does not get through within a day is no storm.
      expect(Math.max(...perClient(await during(hour)))).toBeLessThanOrEqual(10);
      expect(Math.max(...perClient(await during(23 * hour)))).toBeLessThanOrEqual((23 * hour) / (9.5 * minute));
      expect(await step()).toBeLessThan(5 * second + 100);
    });
  });

  it("are called again where the word of an aggregator has not reached them, and it waits for them", async () => {
    await amongIdle({ clients: 6, goal: 4, trainMs: 5 * second }, async (population) => {
      const { step, during, takeOver } = population;
      await step();
      await during(10 * minute);
      population.hears = () => false;
      await takeOver();
      await during(second);
      population.hears = () => true;
      // After the time of a selection; most of them would have stayed away for minutes.
      expect(await step()).toBeLessThan(minute + 6 * second);
    });
  });

  it("come together when the next round is to begin, where they are few", async () => {
    await amongIdle({ clients: 8, goal: 4, trainMs: 500 * second }, async ({ step, during }) => {
      const round = step();
      await during(minute);
      // Six are in the round and say so; the others stay away until its deadline.
      const playing = new Set((await during(7 * minute)).map(({ client }) => client));
      expect(playing.size).toBe(6);
      await round;
      const others = (await during(3 * minute)).filter(({ client }) => !playing.has(client));
      expect(others.length).toBe(2);
      const [first = 0, last = 0] = others.map(({ atMs }) => atMs);
      expect(last - first).toBeLessThan(0.05 * 10 * minute);
    });
  });

  it("are spread where they are many: 25 of them a second at most, and each comes after minutes", async () => {
    await amongIdle({ clients: 1_000, goal: 10, trainMs: 300 * second }, async ({ step, during, now, checkIns }) => {
      const round = step();
      // They have all come in the same second, and are apart when the first windows are over.
      const atFirst = await during(10 * minute);
      expect(atFirst.length).toBeLessThan(2.5 * 1_000);
      const beganAtMs = now();
      const later = await during(10 * minute);
      expect(later.length / 1_000).toBeGreaterThan(1);
      expect(later.length / 1_000).toBeLessThan(2.5);
      const bySecond = new Map<number, number>();
      for (const { atMs } of later) {
        const at = Math.floor((atMs - beganAtMs) / second);
        bySecond.set(at, (bySecond.get(at) ?? 0) + 1);
      }
      expect(Math.max(...bySecond.values())).toBeLessThan(25);
      await round;
      expect(await step()).toBeLessThan(300 * second + 100);
      // Nobody was forgotten meanwhile.
      expect(new Set(checkIns.map(({ client }) => client)).size).toBe(1_000);
    });
  });
});
