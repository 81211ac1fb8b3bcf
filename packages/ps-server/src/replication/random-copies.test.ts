/**
 * Random histories: workers push and pull, repeat what was not answered, and go where the primary is; links lose and delay;
 * primaries are cut off or replaced without hearing of it, servers become learners, replicas, primaries.
 */
import { createRandom, runSimulation, type Random } from "@shoal/actors";
import type { ShardSnapshot } from "@shoal/protocol";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { createCopiesScene, type CopiesScene } from "../../../../test/support/copies-scene.ts";
import type { Hosting } from "../node/shard-host.ts";

const size = 3;
const workers = [1, 2];
const batches = 24;

interface Mode {
  readonly name: string;
  readonly hosting: Partial<Hosting>;
}

const adam = { name: "adam", learningRate: 0.1 } as const;
const momentum = { name: "sgd", learningRate: 0.1, momentum: 0.9 } as const;
const modes: readonly Mode[] = [
  { name: "synchronous, adam", hosting: { optimizer: adam } },
  { name: "synchronous, sum", hosting: { optimizer: momentum, aggregation: "sum" } },
  {
    name: "synchronous, adasum",
    hosting: { optimizer: { name: "adagrad", learningRate: 0.1 }, aggregation: "adasum" },
  },
  { name: "asynchronous", hosting: { optimizer: momentum, slots: 1, consistency: { mode: "asynchronous" } } },
  {
    name: "asynchronous, buffered",
    hosting: { optimizer: adam, slots: 1, consistency: { mode: "asynchronous", buffer: 3 } },
  },
  {
    name: "bounded, compensated",
    hosting: {
      optimizer: { name: "rmsprop", learningRate: 0.1 },
      slots: 1,
      consistency: { mode: "bounded", staleness: 2 },
      staleness: { weight: { name: "inverse" }, compensation: { name: "adaptive", lambda: 0.5 } },
    },
  },
  {
    name: "asynchronous after a warm-up",
    hosting: { optimizer: momentum, slots: 2, consistency: { mode: "asynchronous", warmUpSteps: 3 } },
  },
];

let open: CopiesScene | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

interface Acknowledged {
  readonly worker: number;
  readonly sequence: number;
  readonly batch: number;
  readonly version: number;
}

/** Where workers believe the primary to be. */
interface Place {
  primary: number;
  term: number;
}

/** One worker: its batches one after the other, each until it is acknowledged. */
async function work(
  it: CopiesScene,
  worker: number,
  place: Place,
  told: Acknowledged[],
  random: Random,
): Promise<void> {
  const own = batches / workers.length;
  let seen = 0;
  // Who has heard nothing goes on where it was, also with a primary that was replaced.
  let at = place.primary;
  for (let clock = 0; clock < own; clock += 1) {
    await pause(it, random.integer(100));
    let pulled = await it.pull(at, { worker, clock });
    while ("code" in pulled) {
      await pause(it, 20);
      at = place.primary;
      pulled = await it.pull(at, { worker, clock });
    }
    expect(pulled.version).toBeGreaterThanOrEqual(seen);
    seen = pulled.version;
    const batch = clock * workers.length + (worker - 1);
    const gradient = pulled.values.map((value, key) => 0.3 * value + Math.fround(Math.sin(batch + key)));
    const push = { worker, sequence: clock + 1, clock, batch, baseVersion: pulled.version, gradient };
    for (;;) {
      const { reply } = await it.push(at, push);
      if (reply !== undefined) {
        told.push({ worker, sequence: clock + 1, batch, version: reply.version });
        break;
      }
      await pause(it, 20);
      at = place.primary;
    }
  }
}

function pause(it: CopiesScene, ms: number): Promise<void> {
  return new Promise((resolve) => void it.clock.after(ms, resolve));
}

/** A coordinator that plays: a new seat now and then, most of them with another primary. */
async function reseat(it: CopiesScene, place: Place, random: Random, isOver: () => boolean): Promise<void> {
  let replicas = [2, 3];
  let lost: number | undefined;
  while (!isOver()) {
    await pause(it, 30 + random.integer(300));
    if (isOver()) return;
    const { primary } = place;
    const others = [1, 2, 3].filter((server) => server !== primary);
    const term = place.term + 1;
    const event = random.integer(5);
    if (event === 0 && replicas.length > 0 && lost === undefined) {
      // The primary is cut off without hearing of it, for good; a replica takes its place.
      const next = replicas[random.integer(replicas.length)] as number;
      lost = primary;
      it.isolate(primary);
      replicas = replicas.filter((server) => server !== next);
      Object.assign(place, { primary: next, term });
      await it.seat(term, next, replicas);
    } else if (event === 1 && replicas.length > 0) {
      // A planned change; the former primary is filled again, or finds that it need not be.
      const next = replicas[random.integer(replicas.length)] as number;
      replicas = replicas.filter((server) => server !== next);
      Object.assign(place, { primary: next, term });
      await it.seat(term, next, replicas, lost === undefined ? [primary] : []);
    } else if (event === 4 && replicas.length > 0) {
      // The same, but the former primary is not told, goes on, and hears only later.
      const next = replicas[random.integer(replicas.length)] as number;
      replicas = replicas.filter((server) => server !== next);
      await it.seat(term, next, replicas, lost === undefined ? [primary] : [], primary);
      await pause(it, random.integer(200));
      Object.assign(place, { primary: next, term });
    } else if (event === 2 && replicas.length > 0) {
      replicas = replicas.slice(1);
      place.term = term;
      await it.seat(term, primary, replicas);
    } else {
      const learners = others.filter((server) => server !== lost && !replicas.includes(server));
      place.term = term;
      it.caughtUp.length = 0;
      await it.seat(term, primary, replicas, learners);
      await pause(it, 200);
      const ready = it.caughtUp.filter((learner) => learner.term === term).map(({ member }) => member);
      replicas = [...replicas, ...learners.filter((server) => ready.includes(server))];
      place.term = term + 1;
      await it.seat(term + 1, primary, replicas);
    }
  }
  // The last seat: a primary that everybody can reach, and all who are in sync.
  place.term += 1;
  it.faults = { lost: 0, delayMs: 0 };
  await it.seat(place.term, place.primary, replicas);
  await pause(it, 5000);
  expect(it.failures).toEqual([]);
  const primary = contents(await it.snapshot(place.primary));
  for (const server of replicas) expect(contents(await it.snapshot(server))).toEqual(primary);
}

/** What two copies have in common when they are equal bit for bit: not what each has turned away. */
function contents(snapshot: ShardSnapshot): unknown {
  const { counters, ...progress } = snapshot.progress as { counters: { duplicates: number; rejected: number } };
  const { duplicates: _, rejected: __, ...counted } = counters;
  return { ...snapshot, progress: { ...progress, counted } };
}

async function play(mode: Mode, seed: number, faults: { lost: number; delayMs: number }): Promise<ShardSnapshot> {
  const it = await createCopiesScene(3, size, mode.hosting, seed);
  open = it;
  it.faults = faults;
  const place: Place = { primary: 1, term: 1 };
  const told: Acknowledged[] = [];
  let isOver = false;
  const story = async (): Promise<ShardSnapshot> => {
    await it.seat(1, 1, [2, 3]);
    const initialize = async (): Promise<void> => {
      while (!(await it.initialize(place.primary, [1, 2, 3])).endsWith("initialized")) await pause(it, 20);
    };
    await initialize();
    const seats = reseat(it, place, createRandom(seed), () => isOver);
    await Promise.all(workers.map((worker) => work(it, worker, place, told, createRandom(seed + worker))));
    isOver = true;
    await seats;
    return it.snapshot(place.primary);
  };
  let last: ShardSnapshot | undefined;
  let failure: Error | undefined;
  void story().then(
    (snapshot) => void (last = snapshot),
    (error: unknown) => void (failure = error as Error),
  );
  for (let rounds = 0; rounds < 300 && last === undefined && failure === undefined; rounds += 1) {
    await runSimulation(it.clock, { forMs: 500 });
  }
  if (failure !== undefined) throw failure;
  if (last === undefined) throw new Error(`not over at ${JSON.stringify([place, told.length])}`);
  checkAcknowledged(last, told);
  await it.close();
  open = undefined;
  return last;
}

/** Every acknowledged batch counts exactly once. */
function checkAcknowledged(last: ShardSnapshot, told: readonly Acknowledged[]): void {
  const { updates, batches: applied } = last.progress as {
    updates: readonly { contributions: readonly { batch: number | null }[] }[];
    batches: readonly number[];
  };
  const { contributions = [] } = (last.buffer ?? {}) as { contributions?: readonly { batch: number | null }[] };
  const counted = [...updates.flatMap((update) => update.contributions), ...contributions].map(({ batch }) => batch);
  expect(counted.toSorted((a, b) => (a ?? 0) - (b ?? 0))).toEqual(Array.from({ length: batches }, (_, batch) => batch));
  expect(told.map(({ batch }) => batch).toSorted((a, b) => a - b)).toEqual(
    counted.toSorted((a, b) => (a ?? 0) - (b ?? 0)),
  );
  expect(applied).toEqual([0, batches]);
}

const arbitrary = fc.record({
  seed: fc.nat(),
  lost: fc.constantFrom(0, 0.05, 0.3),
  delayMs: fc.constantFrom(0, 5, 40),
});
const parameters = { numRuns: Number(process.env["COPIES_RUNS"] ?? 12) };

test.each(modes)("$name: copies have the same bits, and what is acknowledged counts once", async (mode) => {
  await fc.assert(
    fc.asyncProperty(arbitrary, async ({ seed, ...faults }) => {
      await play(mode, seed, faults);
    }),
    parameters,
  );
});

test("a synchronous run has the bits of one without copies and faults, whatever was lost", async () => {
  const mode = modes[0] as Mode;
  const { values, optimizer } = await play(mode, 1, { lost: 0, delayMs: 0 });
  await fc.assert(
    fc.asyncProperty(arbitrary, async ({ seed, ...faults }) => {
      const other = await play(mode, seed, faults);
      expect({ values: other.values, optimizer: other.optimizer }).toEqual({ values, optimizer });
    }),
    parameters,
  );
});
