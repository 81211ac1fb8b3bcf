import { createMemoryStore, createRandom, createSimulatedClock, simulate, type StateStore } from "@shoal/actors";
import {
  createInProcessPlane,
  parseAggregationPolicy,
  verifyChain,
  type ContributionAnswer,
  type InProcessPlaneOptions,
} from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import { createMortalProcess } from "../../../test/support/mortal-process.ts";
import { createPlayedClient, type PlayedClientOptions } from "../../../test/support/played-client.ts";
import { descriptionOf, float32, settingsFor, taskSize as size } from "../../../test/support/played-task.ts";
import { openAggregator, type Aggregator } from "./aggregator.ts";
import type { ChainedRound } from "./records/round-log.ts";
import type { AggregatorSettings } from "./settings.ts";

const names = ["a", "b", "c"] as const;
const steps = 2;
/** All three are in every update, so it does not depend on who is fast: it is the same to the last bit. */
const settings = settingsFor({ goal: 3, minimum: 3, invited: 3 });
const kernels = createKernelSite("baseline");

interface Life {
  readonly diesAt: number;
}

interface Play extends Partial<InProcessPlaneOptions> {
  readonly lives: readonly Life[];
  readonly clients?: (name: string) => Partial<PlayedClientOptions>;
  readonly given?: AggregatorSettings;
}

interface Outcome {
  readonly updates: readonly (readonly number[])[];
  readonly contributions: readonly number[];
  readonly rejected: number;
  readonly records: readonly ChainedRound[];
  /** Hashes of records that a client has heard. */
  readonly witnessed: readonly string[];
  readonly endedAtMs: number;
  readonly deeds: number;
}

/** A worker's part: it asks for each step's update and applies it; whoever dies is followed by another. */
async function train(play: Play, clock: ReturnType<typeof createSimulatedClock>): Promise<Outcome> {
  const store = createMemoryStore();
  const { lives, clients = () => ({}), given = settings, ...planeOptions } = play;
  const plane = createInProcessPlane({ clock, delayMs: () => 1, ...planeOptions });
  const played = names.map((name, index) =>
    createPlayedClient({
      ...{ name, task: "digits", plane: plane.connect(name), clock, trainMs: 5 * (index + 1) },
      ...{ target: new Float32Array(size).fill(index + 1), samples: index + 1, ...clients(name) },
    }),
  );
  const values = new Float32Array(size);
  const updates: number[][] = [];
  const contributions: number[] = [];
  const records = new Map<number, ChainedRound>();
  const witnessed: string[] = [];
  const witness = plane.connect("witness");
  witness.listen((notice) => {
    if (notice.type === "rounds_closed") witnessed.push(...notice.summaries.map(({ record }) => record));
  });
  let step = 0;
  let deeds = 0;
  let isStarted = false;
  for (let life = 0; step < steps; life += 1) {
    const process = createMortalProcess({ clock, store, plane: plane.aggregator }, lives[life]?.diesAt ?? Infinity);
    const { died } = process;
    const open = openAggregator({
      ...{ run: "r1", description: descriptionOf(given), settings: given, random: createRandom("aggregator") },
      ...{ plane: process.plane, store: process.store, clock: process.clock },
      codecs: createVectorCodecs(float32, { size }, kernels),
      onRecord: (record) => process.act(() => records.set(record.sequence, record)),
    });
    const aggregator: Aggregator | "died" = await Promise.race([open, died]);
    if (!isStarted) for (const client of played) void client.start();
    isStarted = true;
    if (aggregator === "died") continue;
    while (step < steps && !process.isDead) {
      const gradient = new Float32Array(size);
      const done = await Promise.race([
        aggregator.aggregate({ step, version: step, parameters: values, gradient }),
        died,
      ]);
      if (done === "died") break;
      process.act(() => undefined); // before the push
      if (process.isDead) break;
      updates.push([...gradient]);
      contributions.push(done.contributions);
      values.forEach((value, key) => (values[key] = value - (gradient[key] ?? 0)));
      step += 1;
      process.act(() => undefined); // behind it
    }
    if (process.isDead) continue;
    deeds = process.deeds;
    const end = async (): Promise<void> => {
      await aggregator.evaluated(values, { accuracy: 1, loss: 0 });
      await aggregator.finish("all steps are done");
      await aggregator.close();
    };
    // Who dies here leaves the last round to be told by nobody; the values are there.
    await Promise.race([end(), died]);
  }
  const answers = played.flatMap((client) => client.answers);
  // Who was let go because it was not heard in time is told that it is no member.
  const isFault = (answer: ContributionAnswer): boolean =>
    answer.kind === "rejected" && answer.cause !== "not_a_member";
  const rejected = answers.filter(isFault).length;
  for (const client of played) await client.stop();
  await witness.close();
  return { updates, contributions, rejected, records: [...records.values()], witnessed, endedAtMs: clock.now(), deeds };
}

async function play(given: Play): Promise<Outcome> {
  const clock = createSimulatedClock();
  return simulate(clock, train(given, clock), { forMs: 600_000 });
}

const undisturbed = play({ lives: [] });

async function expectSame(outcome: Outcome, withinMs: number): Promise<void> {
  const { updates } = await undisturbed;
  expect(outcome.updates).toEqual(updates);
  expect(outcome.contributions).toEqual([3, 3]);
  expect(outcome.rejected).toBe(0);
  expect(outcome.endedAtMs).toBeLessThan(withinMs);
}

describe("an aggregator that dies", () => {
  it("is followed by one that comes to the same result, whatever was its last deed", async () => {
    const { deeds } = await undisturbed;
    expect(deeds).toBeGreaterThan(60);
    for (let diesAt = 1; diesAt <= deeds; diesAt += 1) {
      // A client that had just begun a request waits a second for it; a round that loses one takes its 2 s.
      await expectSame(await play({ lives: [{ diesAt }] }), 15_000).catch((cause: unknown) => {
        throw new Error(`died after deed ${diesAt} of ${deeds}`, { cause });
      });
    }
  });

  it("may die again in the middle of taking over", async () => {
    const { deeds } = await undisturbed;
    const random = createRandom("twice");
    for (let time = 0; time < 40; time += 1) {
      const lives = [1 + random.integer(deeds), 1 + random.integer(40), 1 + random.integer(40)];
      await expectSame(await play({ lives: lives.map((diesAt) => ({ diesAt })) }), 30_000).catch((cause: unknown) => {
        throw new Error(`died after deeds ${lives.join(", ")}`, { cause });
      });
    }
  });

  it("leaves a log that its followers continue, without a gap", async () => {
    const { deeds } = await undisturbed;
    // Who dies with the last deed leaves the last round to be told by nobody.
    for (let diesAt = 1; diesAt < deeds; diesAt += 3) {
      const { records, witnessed } = await play({ lives: [{ diesAt }] });
      const sorted = records.toSorted((a, b) => a.sequence - b.sequence);
      const decision = verifyChain(sorted);
      expect({ diesAt, kind: decision.kind, reason: decision.reason }).toMatchObject({ kind: "intact" });
      expect(records.filter(({ body }) => body.outcome === "committed").map(({ body }) => body.step)).toEqual([0, 1]);
      // What a client has heard of it is in it, whoever told.
      const last = decision.kind === "intact" ? decision.head.hash : "";
      const hashes = [...sorted.slice(1).map(({ previous }) => previous), last];
      expect(witnessed.length).toBeGreaterThan(0);
      expect(hashes).toEqual(expect.arrayContaining([...witnessed]));
    }
  });
});

describe("an aggregator that dies where rounds end otherwise", () => {
  const three = { goal: 3, minimum: 3, invited: 3 };
  /** In its first round "c" comes back when the time to report is over. */
  const late = (): NonNullable<Play["clients"]> => {
    let times = 0;
    return (name) => (name === "c" ? { vanishes: () => ++times <= 1, awayMs: 2_500 } : {});
  };
  const outcomesOf = ({ records }: Outcome): readonly string[] => records.map(({ body }) => body.outcome);

  it.each([
    ["abandoned", settingsFor(three)],
    ["carried_over", settingsFor({ ...three, carriesOver: true, maximumStaleness: 2 })],
  ])("comes to the same when the first round is %s", async (end, given) => {
    const whole = await play({ lives: [], given, clients: late() });
    expect(outcomesOf(whole)).toContain(end);
    expect(outcomesOf(whole).slice(-2)).toEqual(["committed", "committed"]);
    for (let diesAt = 1; diesAt <= whole.deeds; diesAt += 5) {
      const outcome = await play({ lives: [{ diesAt }], given, clients: late() });
      await expectSame(outcome, 30_000).catch((cause: unknown) => {
        throw new Error(`died after deed ${diesAt} of ${whole.deeds}`, { cause });
      });
      expect(verifyChain(outcome.records.toSorted((a, b) => a.sequence - b.sequence)).kind).toBe("intact");
    }
  });

  it("counts each contribution to a buffer once", async () => {
    const plan = {
      ...{ arrival: "buffer" as const, goal: 2, minimum: 2, invited: 3 },
      carriesOver: true,
      maximumStaleness: 8,
    };
    const given = settingsFor(plan, { policy: parseAggregationPolicy({ name: "fedbuff", buffer: 2 }) });
    const { deeds } = await play({ lives: [], given });
    for (let diesAt = 1; diesAt < deeds; diesAt += 5) {
      const { records, contributions, rejected, endedAtMs } = await play({ lives: [{ diesAt }], given });
      const committed = records.filter(({ body }) => body.outcome === "committed").map(({ body }) => body);
      const counted = committed.flatMap(({ contributed }) => contributed.list.map(({ contribution }) => contribution));
      expect({ diesAt, contributions, rejected }).toEqual({ diesAt, contributions: [2, 2], rejected: 0 });
      expect({ diesAt, counted: new Set(counted).size }).toEqual({ diesAt, counted: counted.length });
      expect(committed.map(({ step }) => step)).toEqual([0, 1]);
      expect(endedAtMs).toBeLessThan(30_000);
    }
  });
});

describe("a round over a bad network", () => {
  it("comes to the same result when messages are lost and late", async () => {
    for (let seed = 0; seed < 10; seed += 1) {
      const random = createRandom(`lossy ${seed}`);
      const network = { isLost: () => random.uniform() < 0.1, delayMs: () => random.integer(60) };
      await expectSame(await play({ lives: [], ...network }), 120_000);
    }
  });

  it("comes to the same result when clients vanish in the middle of an upload", async () => {
    const clients = (name: string): Partial<PlayedClientOptions> => {
      let times = 0;
      return { vanishes: () => name !== "a" && ++times <= 2, awayMs: 700 };
    };
    await expectSame(await play({ lives: [], clients }), 60_000);
  });

  it("goes on when everybody was away for a while", async () => {
    let now = (): number => 0;
    const clock = createSimulatedClock();
    now = () => clock.now();
    const isLost = (): boolean => now() > 20 && now() < 30_000;
    const outcome = await simulate(clock, train({ lives: [], isLost }, clock), { forMs: 600_000 });
    await expectSame(outcome, 90_000);
    expect(outcome.endedAtMs).toBeGreaterThan(30_000);
  });

  it("goes on when the store is away for a while", async () => {
    const outcome = await withStore((store, clock) => ({
      ...store,
      update: async (...write) => {
        if (clock.now() > 10 && clock.now() < 3_000) throw await unavailable();
        return store.update(...write);
      },
    }));
    expect(outcome).toBe(3);
  });

  it("goes on when writes were done and their answers lost", async () => {
    let writes = 0;
    const outcome = await withStore((store) => ({
      ...store,
      update: async (...write) => {
        const revision = await store.update(...write);
        writes += 1;
        if (writes % 3 === 0) throw await unavailable();
        return revision;
      },
    }));
    expect(outcome).toBe(3);
  });
});

async function unavailable(): Promise<Error> {
  const { ShoalError } = await import("@shoal/errors");
  return new ShoalError("store_unavailable", "the store is away");
}

/** One step with a store that behaves badly. @returns contributions */
async function withStore(
  spoil: (store: StateStore, clock: ReturnType<typeof createSimulatedClock>) => StateStore,
): Promise<number> {
  const clock = createSimulatedClock();
  const plane = createInProcessPlane({ clock, delayMs: () => 1 });
  const work = async (): Promise<number> => {
    const aggregator = await openAggregator({
      ...{ run: "r1", description: descriptionOf(settings), settings, random: createRandom("aggregator") },
      ...{ plane: plane.aggregator, store: spoil(createMemoryStore(), clock), clock },
      codecs: createVectorCodecs(float32, { size }, kernels),
    });
    const target = new Float32Array(size).fill(1);
    for (const name of names) {
      void createPlayedClient({ name, task: "digits", plane: plane.connect(name), clock, target }).start();
    }
    const parameters = new Float32Array(size);
    const { contributions } = await aggregator.aggregate({
      step: 0,
      version: 0,
      parameters,
      gradient: parameters.slice(),
    });
    await aggregator.close();
    return contributions;
  };
  return simulate(clock, work(), { forMs: 120_000 });
}
