/** A run that goes on where nothing is known of its rounds: clients know greater numbers than those of the rounds that follow. */
import { createMemoryStore, createRandom, createSimulatedClock, simulate } from "@shoal/actors";
import { openAggregator, type Aggregator } from "@shoal/aggregator";
import { createMemoryStorage, createUpdateCodec, openSession, type LocalTrainer } from "@shoal/edge-client";
import { createInProcessPlane } from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { createVectorCodecs } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../support/kernel-site.ts";
import { descriptionOf, float32, settingsFor, taskSize as size } from "../support/played-task.ts";

const kernels = createKernelSite("baseline");
const codec = createUpdateCodec(await loadKernelModules());
const trainer: LocalTrainer = {
  ...{ samples: 1, testSamples: 0 },
  train: async () => ({ update: new Float32Array(size).fill(1), personal: null, samples: 1, steps: 1, loss: 1 }),
  evaluate: async () => null,
  close: async () => undefined,
};
const names = Array.from({ length: 60 }, (_, index) => `c${index}`);
/** All clients check in with a new aggregator within this. */
const soonMs = 1_000;
const plan = { goal: 10, minimum: 10, invited: 13, selectionTimeoutMs: 20_000, configurationTimeoutMs: 5_000 };
const settings = settingsFor(plan, { leaseMs: 120_000, pace: { soonMs, mostMs: 600_000 } });

describe("a run that goes on where nothing is known of its rounds", () => {
  it("goes on with its clients at once: they ask whether a smaller number is meant", async () => {
    const clock = createSimulatedClock();
    const plane = createInProcessPlane({ clock, delayMs: () => 1 });
    const notes: string[] = [];
    const rounds: { readonly number: number; readonly outcome: string }[] = [];
    const open = (): Promise<Aggregator> =>
      openAggregator({
        ...{ run: "r1", description: descriptionOf(settings), settings, random: createRandom("aggregator") },
        ...{ plane: plane.aggregator, store: createMemoryStore(), clock },
        codecs: createVectorCodecs(float32, { size }, kernels),
        onNote: (sentence) => void notes.push(sentence),
        onRecord: ({ body }) => void rounds.push({ number: body.round, outcome: body.outcome }),
      });
    const play = async (aggregator: Aggregator, from: number, to: number): Promise<void> => {
      for (let step = from; step < to; step += 1) {
        const [parameters, gradient] = [new Float32Array(size), new Float32Array(size)];
        await aggregator.aggregate({ step, version: step, parameters, gradient });
      }
    };
    const work = async (): Promise<number> => {
      const first = await open();
      const sessions = names.map((name) =>
        openSession({
          ...{ task: "digits", client: name, plane: plane.connect(name), trainer, codec, clock },
          ...{ storage: createMemoryStorage(), random: createRandom(name) },
          device: { memoryBytes: 1e9, platform: "node" },
        }),
      );
      await new Promise<void>((resolve) => void clock.after(100, resolve));
      await play(first, 0, 40);
      await first.close();
      rounds.length = 0;
      const second = await open();
      const resumedAtMs = clock.now();
      await play(second, 10, 30);
      const tookMs = clock.now() - resumedAtMs;
      await Promise.all(sessions.map((session) => session.close()));
      await second.close();
      return tookMs;
    };
    const tookMs = await simulate(clock, work(), { forMs: 3_600_000, maximumSteps: 2_000_000 });
    // Each step before took a round at least.
    expect(rounds.map(({ number }) => number)).toEqual(Array.from({ length: 19 }, (_, index) => 11 + index));
    expect(rounds.every(({ outcome }) => outcome === "committed")).toBe(true);
    // 20 rounds of a few ms.
    expect(tookMs).toBeLessThan(soonMs + 500);
    expect(notes.filter((note) => note.includes("They go on with 11,"))).toHaveLength(1);
  });
});
