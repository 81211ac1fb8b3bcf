import { simulate } from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import { emptyLedger, epsilonOf, spend, type RoundSummary } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { createAggregatorScene, playSteps } from "../../../test/support/aggregator-scene.ts";
import type { PlayedClientOptions } from "../../../test/support/played-client.ts";
import { settingsFor, taskSize as size } from "../../../test/support/played-task.ts";
import { taskKey, type TaskRecord } from "./keeper/task-record.ts";
import type { CentralPrivacy } from "./settings.ts";
describe("a privacy budget", () => {
  const privacy: CentralPrivacy = {
    ...{ clip: 1, noiseMultiplier: 4, adaptive: null, population: null, budget: { epsilon: 3, delta: 1e-5 } },
  };
  const settings = settingsFor({ goal: 3, minimum: 3, invited: 3 }, { privacy });
  const affordable = (): number => {
    for (let rounds = 1; ; rounds += 1) {
      const mechanism = { noiseMultiplier: 4, samplingRate: 1, sampling: "none" } as const;
      if (epsilonOf(spend(emptyLedger(), mechanism, rounds), 1e-5).epsilon > 3) return rounds - 1;
    }
  };

  it("ends the run before the round that would exceed it, and is told with each", async () => {
    const scene = createAggregatorScene(settings);
    const work = async () => {
      const aggregator = await scene.open();
      for (const name of ["a", "b", "c"]) scene.join(name, 1);
      const outcome = await playSteps(aggregator, 50);
      await aggregator.close();
      return outcome;
    };
    const { steps, error } = await simulate(scene.clock, work());
    expect(steps).toBe(affordable());
    expect(isShoalError(error, "privacy_budget_spent")).toBe(true);
    const spent = scene.closed.map(({ epsilon }) => epsilon ?? Infinity);
    expect(spent).toEqual(spent.toSorted((a, b) => a - b));
    expect(spent.at(-1)).toBeLessThanOrEqual(3);
    // What clients claim all the same is in no record.
    expect(scene.closed[0]).toMatchObject({ samples: 0, trainingLoss: null });
    const said = scene.records.flatMap(({ body }) => body.contributed.list);
    expect(said.length).toBeGreaterThan(3);
    for (const { samples, loss } of said) expect([samples, loss]).toEqual([1, 0]);
  });

  it("is spent in the store before the update leaves; a round that comes to nothing costs nothing", async () => {
    const scene = createAggregatorScene(settings);
    const roundsPaid = async (): Promise<number | undefined> =>
      ((await scene.store.get(taskKey("r1")))?.value as TaskRecord | undefined)?.lasting.ledger?.rounds;
    const work = async () => {
      const aggregator = await scene.open();
      for (const name of ["a", "b"]) scene.join(name, 1);
      // Back when the time to contribute to the first round is over.
      let times = 0;
      scene.join("c", 1, { vanishes: () => ++times <= 1, awayMs: 2_500 });
      const outcome = playSteps(aggregator, 1);
      await new Promise<void>((resolve) => scene.clock.after(2_400, resolve));
      const before = await roundsPaid();
      expect(new Set(scene.closed.map(({ outcome: end }) => end))).toEqual(new Set(["abandoned"]));
      await outcome;
      const after = await roundsPaid();
      await aggregator.close();
      return [before, after];
    };
    expect(await simulate(scene.clock, work())).toEqual([0, 1]);
  });

  it("is charged once more for a round whose noise may have been seen", async () => {
    const scene = createAggregatorScene(settings);
    const work = async () => {
      const first = await scene.open();
      for (const name of ["a", "b", "c"]) scene.join(name, 1);
      const values = new Float32Array(size);
      await first.aggregate({ step: 0, version: 0, parameters: values, gradient: new Float32Array(size) });
      await first.close();
      const second = await scene.open();
      await second.aggregate({ step: 0, version: 0, parameters: values, gradient: new Float32Array(size) });
      const record = (await scene.store.get(taskKey("r1")))?.value as TaskRecord;
      await second.close();
      return record.lasting.ledger?.rounds;
    };
    expect(await simulate(scene.clock, work())).toBe(2);
  });

  it("waits for the population that its accountant counts on", async () => {
    const some = { ...privacy, population: 4 };
    const scene = createAggregatorScene(settingsFor({ goal: 2, minimum: 2, invited: 2 }, { privacy: some }));
    const work = async () => {
      const aggregator = await scene.open();
      for (const name of ["a", "b", "c"]) scene.join(name, 1);
      const outcome = playSteps(aggregator, 1);
      await new Promise<void>((resolve) => scene.clock.after(5_000, resolve));
      const waits = aggregator.describe();
      scene.join("d", 1);
      const { steps } = await outcome;
      await aggregator.close();
      return { waits, steps };
    };
    const { waits, steps } = await simulate(scene.clock, work());
    expect(waits).toMatch(/^before round 1: 3 of the 4 clients that privacy counts on are idle, for 5 s$/);
    expect(steps).toBe(1);
  });
});

describe("a round drawn by lot from a known population", () => {
  it("asks nobody in the place of who does not take part", async () => {
    const budget = { epsilon: Number.MAX_VALUE, delta: 1e-5 };
    const privacy = { clip: 1, noiseMultiplier: 1, adaptive: null, population: 6, budget };
    const scene = createAggregatorScene(settingsFor({ goal: 3, minimum: 1, invited: 3 }, { privacy }));
    const device = { memoryBytes: 1e9, samples: 1, testSamples: 0, encodings: ["float32"], platform: "node" };
    const work = async () => {
      const aggregator = await scene.open();
      for (const name of ["a", "b", "c", "d"]) scene.join(name, 1);
      for (const name of ["no", "never"]) {
        const end = scene.plane.connect(name);
        const checkIn = () => end.request({ type: "check_in", device }, 1_000);
        end.listen((notice) => {
          if (notice.type !== "round_offered") return;
          const { round } = notice.offer;
          void end.request({ type: "answer_offer", round, takesPart: false, reason: "" }, 1_000).then(checkIn);
        });
        await checkIn();
      }
      const { steps } = await playSteps(aggregator, 12);
      await aggregator.close();
      return steps;
    };
    expect(await simulate(scene.clock, work())).toBe(12);
    // Nobody rests for declining: each is drawn with the chance that the accountant was told.
    expect(scene.clock.now()).toBeLessThan(1_000);
    const asked = scene.records.map(({ body }) => body.asked.count);
    expect(asked).toEqual(asked.map(() => 3));
    // Of 12 rounds some have asked one who declines: none in 5^-12.
    expect(scene.records.some(({ body }) => body.contributed.count < 3)).toBe(true);
  });
});

describe("a round drawn by coins", () => {
  const clients = 30;
  const coins = { chance: 0.2, expected: 6 };
  const privacy: CentralPrivacy = {
    ...{ clip: 1, noiseMultiplier: 0.1, adaptive: null, population: clients, coins },
    budget: { epsilon: Number.MAX_VALUE, delta: 1e-5 },
  };
  const plan = { draw: "poisson", goal: 40, minimum: 0, invited: 40 } as const;
  const rounds = 8;

  /** @returns the updates, each in clients: all of them send 1/√size everywhere, of norm 1 */
  async function drawn(own: CentralPrivacy, options: Partial<PlayedClientOptions> = {}) {
    const settings = settingsFor(plan, { privacy: own });
    const scene = createAggregatorScene(settings);
    const moved: number[] = [];
    const told: RoundSummary[] = [];
    scene.plane.connect("ear").listen((notice) => {
      if (notice.type === "rounds_closed") told.push(...notice.summaries);
    });
    const work = async () => {
      const aggregator = await scene.open();
      for (let index = 0; index < clients; index += 1) scene.join(`c${index}`, 10, { trainMs: 1, ...options });
      for (let step = 0; step < rounds; step += 1) {
        const [parameters, gradient] = [new Float32Array(size), new Float32Array(size)];
        await aggregator.aggregate({ step, version: step, parameters, gradient });
        moved.push(-(gradient[0] ?? 0) * Math.sqrt(size) * coins.expected);
      }
      await aggregator.evaluated(new Float32Array(size), { accuracy: 0, loss: 0 });
      await aggregator.finish("all rounds are done");
      const record = (await scene.store.get(taskKey("r1")))?.value as TaskRecord;
      await aggregator.close();
      return record.lasting.ledger;
    };
    const ledger = await simulate(scene.clock, work(), { maximumSteps: 2_000_000 });
    return { ledger, moved, told, contributions: scene.closed.map(({ contributions }) => contributions) };
  }

  it("has as many clients as there are, waits for all of them, and divides by the number expected", async () => {
    const { ledger, moved, contributions } = await drawn(privacy);
    expect(contributions).toHaveLength(rounds); // none was abandoned
    expect(new Set(contributions).size).toBeGreaterThan(1); // all alike once in 10^5
    // 48 drawn on average, with a deviation of √(48·0.8) = 6.2: further than six of them once in 10^9 runs.
    const sum = contributions.reduce((total, each) => total + each, 0);
    expect(Math.abs(sum - rounds * coins.expected)).toBeLessThan(6 * 6.2);
    // The noise is 0.1·√5 of a client; six of its deviations.
    moved.forEach((value, round) => expect(Math.abs(value - (contributions[round] ?? 0))).toBeLessThan(6 * 0.224));
    const mechanism = { noiseMultiplier: 0.1, samplingRate: 0.2, sampling: "poisson" } as const;
    const expected = epsilonOf(spend(emptyLedger(), mechanism, rounds), 1e-5).epsilon;
    expect(epsilonOf(ledger ?? emptyLedger(), 1e-5).epsilon / expected).toBeCloseTo(1, 12); // the order of addition
  });

  it("tells clients how many were expected, and nothing that says how many came", async () => {
    const { told, contributions } = await drawn(privacy);
    expect(new Set(contributions).size).toBeGreaterThan(1);
    expect(told).toHaveLength(rounds);
    const counts = told.map(({ contributions: expected, bytesDown, bytesUp, samples, trainingLoss, reason }) => {
      return { expected, bytesDown, bytesUp, samples, trainingLoss, reason };
    });
    const same = { expected: 6, bytesDown: 0, bytesUp: 0, samples: 0, trainingLoss: null, reason: "the round is over" };
    expect(counts).toEqual(told.map(() => same));
  });

  it("is committed with noise alone where the coins name nobody", async () => {
    const none = { ...privacy, noiseMultiplier: 1, coins: { ...coins, chance: 1e-12 } };
    const { moved, contributions } = await drawn(none);
    expect(contributions).toEqual(Array.from({ length: rounds }, () => 0));
    expect(moved.every((value) => value !== 0 && Number.isFinite(value))).toBe(true);
  });
});
