/** Every contribution counts exactly once, whatever happens to requests and workers on the way. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createShardScene,
  membersOf,
  runName,
  type PendingPush,
  type PushInput,
  type ShardScene,
} from "../../../../test/support/shard-scene.ts";

const size = 3;
const workers = [1, 2, 3];

/** Gradients whose sum depends on the order of addition in its last bits. */
const gradientOf = (batch: number): number[] =>
  Array.from({ length: size }, (_, key) => Math.sin(batch * 12.9898 + key * 78.233) * 10 ** (batch % 5));

type Event =
  | {
      readonly kind: "push";
      readonly worker: number;
      readonly slot: number;
      readonly late: boolean;
      readonly deadlineMs: number;
    }
  | { readonly kind: "repeat"; readonly worker: number }
  | { readonly kind: "wait"; readonly forMs: number }
  | { readonly kind: "leave"; readonly worker: number };

const worker = fc.constantFrom(...workers);
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("push" as const),
      worker,
      slot: fc.nat(3),
      late: fc.boolean(),
      deadlineMs: fc.constantFrom(5, 20, 1000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("repeat" as const), worker }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), forMs: fc.constantFrom(0, 6, 30) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), worker: fc.constantFrom(2, 3) }) },
);

interface Play {
  readonly it: ShardScene;
  readonly pushes: PendingPush[];
  readonly latest: Map<number, PushInput>;
  readonly sequences: Map<number, number>;
  members: readonly number[];
  revision: number;
}

function send(play: Play, from: number, input: PushInput): void {
  play.latest.set(from, input);
  play.pushes.push(play.it.push(from, input));
}

function sendNew(play: Play, from: number, input: PushInput): void {
  const sequence = (play.sequences.get(from) ?? 0) + 1;
  play.sequences.set(from, sequence);
  send(play, from, { ...input, sequence });
}

async function act(
  play: Play,
  happening: Event,
  pushNew: (event: Event & { kind: "push" }) => Promise<void>,
): Promise<void> {
  switch (happening.kind) {
    case "push":
      await pushNew(happening);
      return;
    case "repeat": {
      const input = play.latest.get(happening.worker);
      if (input !== undefined) send(play, happening.worker, input);
      return;
    }
    case "wait":
      await play.it.run(happening.forMs);
      return;
    case "leave":
      play.members = play.members.filter((member) => member !== happening.worker);
      play.revision += 1;
      play.it.host.updateMembers(runName, membersOf(play.revision, ...play.members));
  }
}

async function begin(hosting: Parameters<typeof createShardScene>[1]): Promise<Play> {
  const it = await createShardScene(size, { ...hosting, members: membersOf(1, ...workers) });
  await it.initialize(Array.from({ length: size }, () => 0.1));
  return { it, pushes: [], latest: new Map(), sequences: new Map(), members: workers, revision: 1 };
}

/** Every push is answered once, and its gradient given back once. */
async function end(play: Play): Promise<void> {
  await play.it.run(2000);
  for (const push of play.pushes) expect([push.answers(), push.releases()]).toEqual([1, 1]);
  expect(play.it.failures).toEqual([]);
  await play.it.close();
}

const optimizer = { name: "adam", learningRate: 0.1 };

/** The steps, each slot in order, by a single worker that nothing happens to. */
async function trainPlainly(slots: number, steps: number): Promise<readonly number[]> {
  const play = await begin({ slots, optimizer });
  for (let batch = 0; batch < slots * steps; batch += 1) {
    const clock = Math.floor(batch / slots);
    sendNew(play, 1, { clock, batch, samples: (batch % 4) + 1, gradient: gradientOf(batch) });
    await play.it.run();
  }
  const values = await play.it.values();
  await end(play);
  return values;
}

describe("whatever happens to requests and workers", () => {
  test("a synchronous run counts each batch once, and gives the bits of a plain run", async () => {
    const slotCounts = fc.integer({ min: 1, max: 4 });
    await fc.assert(
      fc.asyncProperty(slotCounts, fc.array(event, { maxLength: 40 }), async (slots, events) => {
        const play = await begin({ slots, optimizer });
        const pushNew = async (what: Event & { kind: "push" }): Promise<void> => {
          const { version } = await play.it.describe();
          const clock = Math.max(0, version - (what.late ? 1 : 0));
          const batch = clock * slots + (what.slot % slots);
          const { deadlineMs } = what;
          sendNew(play, what.worker, {
            clock,
            batch,
            samples: (batch % 4) + 1,
            gradient: gradientOf(batch),
            deadlineMs,
          });
        };
        for (const happening of events) await act(play, happening, pushNew);
        await play.it.run(2000);
        const { version: begun } = await play.it.describe();
        for (let slot = 0; slot < slots; slot += 1) {
          await pushNew({ kind: "push", worker: 1, slot, late: false, deadlineMs: 1000 });
        }
        await play.it.run();
        const { version, batchesApplied, updates } = await play.it.describe();
        expect(version).toBe(begun + 1);
        const batches = updates.flatMap(({ contributions }) => contributions.map((each) => each.batch));
        expect(batches).toEqual(Array.from({ length: version * slots }, (_, batch) => batch));
        expect([batchesApplied, updates.length]).toEqual([version * slots, version]);
        expect(await play.it.values()).toEqual(await trainPlainly(slots, version));
        await end(play);
      }),
      { numRuns: 60 },
    );
  });

  test("an asynchronous run counts each batch once, and its version counts the applied pushes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
        const play = await begin({
          consistency: { mode: "asynchronous" },
          optimizer: { name: "accumulate" },
        });
        const counted = new Set<number>();
        let next = 0;
        const pushNew = (what: Event & { kind: "push" }): Promise<void> => {
          // Half of the pushes bring a batch that another worker may have brought already.
          const batch = what.late ? Math.max(0, next - 1 - what.slot) : next++;
          const gradient = [1, batch, 0];
          if (play.members.includes(what.worker)) counted.add(batch);
          sendNew(play, what.worker, { baseVersion: 0, batch, gradient });
          return Promise.resolve();
        };
        for (const happening of events) {
          await act(play, happening, pushNew);
          // One after the other: a leave overtakes pushes that are still in the mailbox.
          await play.it.run();
        }
        const { version, batchesApplied, updates } = await play.it.describe();
        expect([version, batchesApplied, updates.length]).toEqual([counted.size, counted.size, counted.size]);
        const [count = 0, sum = 0] = await play.it.values();
        // 0.1 + n and 0.1 + Σ batches, each addition rounded to float32: exact to well below a half.
        expect(Math.round(count)).toBe(counted.size);
        expect(Math.round(sum)).toBe([...counted].reduce((total, batch) => total + batch, 0));
        await end(play);
      }),
      { numRuns: 60 },
    );
  });
});
