import { createMemoryStore, createRandom, createSimulatedClock, simulate, type StateStore } from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import {
  createInProcessPlane,
  emptyLedger,
  epsilonOf,
  parseAggregationPolicy,
  parseRobustRule,
  spend,
  type InProcessPlane,
  type RoundSummary,
} from "@shoal/federated";
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
import { taskKey, type TaskRecord } from "./keeper/task-record.ts";
import type { ChainedRound } from "./records/round-log.ts";
import type { AggregatorSettings, CentralPrivacy } from "./settings.ts";

const kernels = createKernelSite("baseline");

interface Scene {
  readonly clock: ReturnType<typeof createSimulatedClock>;
  readonly store: StateStore;
  readonly plane: InProcessPlane;
  readonly closed: RoundSummary[];
  readonly records: ChainedRound[];
  open(): Promise<Aggregator>;
  join(name: string, value: number, options?: Partial<PlayedClientOptions>): PlayedClient;
}

function createScene(settings: AggregatorSettings): Scene {
  const clock = createSimulatedClock();
  const store = createMemoryStore();
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
async function play(aggregator: Aggregator, steps: number, first = 0, values = new Float32Array(size)) {
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
    const scene = createScene(settings);
    const work = async () => {
      const aggregator = await scene.open();
      for (const name of ["a", "b", "c"]) scene.join(name, 1);
      const outcome = await play(aggregator, 50);
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
    const scene = createScene(settings);
    const roundsPaid = async (): Promise<number | undefined> =>
      ((await scene.store.get(taskKey("r1")))?.value as TaskRecord | undefined)?.lasting.ledger?.rounds;
    const work = async () => {
      const aggregator = await scene.open();
      for (const name of ["a", "b"]) scene.join(name, 1);
      // Back when the time to contribute to the first round is over.
      let times = 0;
      scene.join("c", 1, { vanishes: () => ++times <= 1, awayMs: 2_500 });
      const outcome = play(aggregator, 1);
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
    const scene = createScene(settings);
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
    const scene = createScene(settingsFor({ goal: 2, minimum: 2, invited: 2 }, { privacy: some }));
    const work = async () => {
      const aggregator = await scene.open();
      for (const name of ["a", "b", "c"]) scene.join(name, 1);
      const outcome = play(aggregator, 1);
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
    const scene = createScene(settingsFor({ goal: 3, minimum: 1, invited: 3 }, { privacy }));
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
      const { steps } = await play(aggregator, 12);
      await aggregator.close();
      return steps;
    };
    expect(await simulate(scene.clock, work())).toBe(12);
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
    const scene = createScene(settings);
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

describe("a buffer", () => {
  const buffered = { arrival: "buffer", carriesOver: true, maximumStaleness: 8 } as const;

  it("takes what began earlier, with less weight, and keeps slow clients training", async () => {
    const policy = parseAggregationPolicy({ name: "fedbuff", buffer: 2 });
    const scene = createScene(settingsFor({ ...buffered, goal: 2, minimum: 2, invited: 4 }, { policy }));
    const work = async () => {
      const aggregator = await scene.open();
      const fast = ["a", "b", "c"].map((name) => scene.join(name, 2, { trainMs: 20 }));
      const slow = scene.join("slow", 2, { trainMs: 150 });
      const { values, error } = await play(aggregator, 14);
      await aggregator.close();
      return { values, error, fast, slow };
    };
    const { values, error, slow } = await simulate(scene.clock, work());
    expect(error).toBeUndefined();
    expect(slow.answers.filter(({ kind }) => kind === "accepted").length).toBeGreaterThan(0);
    // Each step goes at least a third of the way, staleness included.
    expect(Math.abs((values[0] ?? 0) - 2)).toBeLessThan(2 * 0.67 ** 10);
  });

  it("of one mixes whole models: stale ones with the values that they began with", async () => {
    const policy = parseAggregationPolicy({ name: "fedasync", mixing: 0.5, staleness: { name: "constant" } });
    const scene = createScene(settingsFor({ ...buffered, goal: 1, minimum: 1, invited: 3 }, { policy }));
    const work = async () => {
      const aggregator = await scene.open();
      ["a", "b", "c"].map((name, index) => scene.join(name, 4, { trainMs: 10 + 25 * index }));
      const { values, error } = await play(aggregator, 12);
      await aggregator.close();
      return { values, error };
    };
    const { values, error } = await simulate(scene.clock, work());
    expect(error).toBeUndefined();
    // A mean of models that lie between their base and 4 lies there, too.
    expect(values[0]).toBeGreaterThan(3);
    expect(values[0]).toBeLessThanOrEqual(4);
  });

  it("goes on after a take-over: what cannot be mixed any more is let go, the rest is sent again", async () => {
    for (const name of ["fedbuff", "fedasync"] as const) {
      const goal = name === "fedbuff" ? 2 : 1;
      const policy = parseAggregationPolicy(name === "fedbuff" ? { name, buffer: goal } : { name, mixing: 0.5 });
      const scene = createScene(settingsFor({ ...buffered, goal, minimum: goal, invited: 4 }, { policy }));
      const work = async () => {
        let values = new Float32Array(size);
        for (const client of ["a", "b", "c", "d"])
          scene.join(client, 4, { trainMs: 10 + ((15 * client.charCodeAt(0)) % 60) });
        for (let step = 0; step < 12; step += 3) {
          const aggregator = await scene.open();
          const outcome = await play(aggregator, step + 3, step, values);
          expect(outcome.error).toBeUndefined();
          ({ values } = outcome);
          await aggregator.close();
        }
        return values;
      };
      const values = await simulate(scene.clock, work(), { forMs: 300_000 });
      expect(values[0], name).toBeGreaterThan(2.5);
      expect(values[0], name).toBeLessThan(5);
    }
  });
});

describe("centred clipping", () => {
  const radius = 0.1;
  const settings = settingsFor(
    { goal: 3, minimum: 3, invited: 3 },
    { robust: parseRobustRule({ name: "centred_clipping", radius, iterations: 1 }) },
  );

  /** Values after four steps; another aggregator takes over after each `every` of them. */
  async function trained(every: number): Promise<readonly Float32Array[]> {
    const scene = createScene(settings);
    const work = async () => {
      const after: Float32Array[] = [];
      let values = new Float32Array(size);
      for (const [index, name] of ["a", "b", "c"].entries()) scene.join(name, 20 + index);
      for (let step = 0; step < 4; step += every) {
        const aggregator = await scene.open();
        for (let at = step; at < step + every; at += 1) {
          ({ values } = await play(aggregator, at + 1, at, values.slice()));
          after.push(values);
        }
        await aggregator.close();
      }
      return after;
    };
    return simulate(scene.clock, work());
  }

  it("begins each round where the last one ended, also after a take-over", async () => {
    const values = await trained(4);
    // All point the same way, far off: each update is longer than the last one by the radius.
    const moved = values.map((now, at) => Math.hypot(...now.map((value, key) => value - (values[at - 1]?.[key] ?? 0))));
    moved.forEach((norm, at) => expect(norm).toBeCloseTo(radius * (at + 1), 5)); // float32
    expect(await trained(1)).toEqual(values);
    expect(await trained(2)).toEqual(values);
  });
});

describe("a round whose contributions cannot be used", () => {
  it("is abandoned, and the next one played: nobody waits for ever", async () => {
    // Of what is stale nothing is taken, and the two slow ones come together.
    const staleness = { name: "threshold", cutoff: 0, value: 0 };
    const policy = parseAggregationPolicy({ name: "fedbuff", buffer: 2, divideBy: "weights", staleness });
    const plan = {
      arrival: "buffer",
      carriesOver: true,
      maximumStaleness: 8,
      goal: 2,
      minimum: 2,
      invited: 4,
    } as const;
    const scene = createScene(settingsFor(plan, { policy }));
    const told: string[] = [];
    scene.plane.connect("witness").listen((notice) => {
      if (notice.type === "rounds_closed") told.push(...notice.summaries.map(({ reason }) => reason));
    });
    const work = async () => {
      const aggregator = await scene.open();
      for (const name of ["a", "b", "slow", "slower"]) scene.join(name, 1, { trainMs: name.startsWith("s") ? 25 : 10 });
      const { steps } = await play(aggregator, 3);
      await aggregator.close();
      // Until the last of what was told has come.
      await new Promise<void>((resolve) => void scene.clock.after(10, resolve));
      return steps;
    };
    expect(await simulate(scene.clock, work(), { forMs: 60_000 })).toBe(3);
    const abandoned = scene.closed.filter(({ outcome }) => outcome === "abandoned");
    expect(abandoned[0]?.reason).toBe("0 contributions could be used, at least 1 are needed");
    // Whose they were is for the log: clients hear of nobody else.
    const [record] = scene.records.filter(({ body }) => body.outcome === "abandoned");
    expect(record?.body.dropped.list).toContainEqual(
      expect.objectContaining({ client: "slow", reason: expect.stringMatching(/^of staleness \d/) as string }),
    );
    expect(told).toContain(abandoned[0]?.reason);
    expect(told.filter((reason) => /slow/.test(reason))).toEqual([]);
  });

  it("goes without an update so long that its square is no number, though the task names no bound", async () => {
    const policy = parseAggregationPolicy({ name: "fednova", goal: 2 });
    const plan = { goal: 2, minimum: 2, invited: 3, reportingTimeoutMs: 60_000 };
    const scene = createScene(settingsFor(plan, { policy, normBound: null }));
    const work = async () => {
      const aggregator = await scene.open();
      const liar = scene.join("liar", 1, { bend: (update) => update.fill(3e38), trainMs: 1 });
      for (const name of ["a", "b"]) scene.join(name, 1, { trainMs: 5 });
      const { values } = await play(aggregator, 1);
      await aggregator.close();
      return { values, answers: liar.answers };
    };
    const { values, answers } = await simulate(scene.clock, work(), { forMs: 60_000 });
    expect(answers).toMatchObject([{ kind: "rejected", cause: "norm_too_large" }]);
    expect([...values]).toEqual(Array.from(values, () => 0.5));
  });

  it("is abandoned when the run goes back to an earlier step", async () => {
    const scene = createScene(settingsFor({ goal: 2, minimum: 2, invited: 2 }));
    const work = async () => {
      const aggregator = await scene.open();
      for (const name of ["a", "b"]) scene.join(name, 1);
      const { values } = await play(aggregator, 3);
      const again = await play(aggregator, 2, 1, values);
      await aggregator.close();
      return again;
    };
    expect(await simulate(scene.clock, work())).toMatchObject({ steps: 2, error: undefined });
    expect(scene.closed.map(({ outcome }) => outcome)).toEqual(["committed", "committed", "abandoned"]);
  });
});
