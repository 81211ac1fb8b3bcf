import { afterEach, describe, expect, test } from "vitest";
import type { ShardSnapshot, SnapshotReply } from "@shoal/protocol";
import { decodeState } from "../state-file/decode-state.ts";
import { encodeState } from "../state-file/encode-state.ts";
import { createShardScene, type ShardScene } from "../../../../test/support/shard-scene.ts";

const scenes: ShardScene[] = [];

async function scene(...args: Parameters<typeof createShardScene>): Promise<ShardScene> {
  const created = await createShardScene(...args);
  scenes.push(created);
  return created;
}

afterEach(async () => {
  for (const { close, failures } of scenes.splice(0)) {
    await close();
    expect(failures).toEqual([]);
  }
});

const optimizers = [
  { name: "sgd", learningRate: 0.1 },
  { name: "sgd", learningRate: 0.1, momentum: 0.9, nesterov: true },
  { name: "adam", learningRate: 0.01, amsgrad: true },
  { name: "adamw", learningRate: 0.01 },
  { name: "adagrad", learningRate: 0.1 },
  { name: "rmsprop", learningRate: 0.01, momentum: 0.9, centered: true },
  { name: "adadelta", learningRate: 1 },
  { name: "ftrl", learningRate: 0.1, l1: 0.01, l2: 0.1 },
  { name: "lamb", learningRate: 0.01 },
  { name: "lars", learningRate: 0.1, momentum: 0.9 },
  { name: "accumulate", scale: 2 },
  { name: "fedavgm" },
  { name: "fedadagrad", learningRate: 0.1 },
  { name: "fedadam", learningRate: 0.1 },
  { name: "fedyogi", learningRate: 0.1 },
];

const size = 5;
const gradientOf = (step: number): number[] =>
  Array.from({ length: size }, (_, key) => Math.sin(1 + step * size + key) * (key + 1));

/** Steps of two slots; every third one has an empty contribution. */
async function train(it: ShardScene, from: number, to: number): Promise<void> {
  for (let clock = from; clock < to; clock += 1) {
    it.push(1, { clock, batch: 2 * clock, samples: 3, gradient: gradientOf(clock), sequence: clock + 1 });
    const samples = clock % 3 === 2 ? 0 : 2;
    const gradient = samples === 0 ? [] : gradientOf(clock + 100);
    it.push(2, { clock, batch: 2 * clock + 1, samples, gradient, sequence: clock + 1 });
    await it.run();
  }
}

/** As a file has it. */
function throughBytes(snapshot: ShardSnapshot): ShardSnapshot {
  const encoded = encodeState(snapshot);
  const bytes = encoded.next(encoded.totalBytes) ?? new Uint8Array(0);
  return decodeState(bytes) as ShardSnapshot;
}

describe("snapshots of a shard", () => {
  test("are taken in the version that is named, while the next step goes on", async () => {
    const it = await scene(1, { slots: 1 });
    await it.initialize([0]);
    const taken: SnapshotReply[] = [];
    let tookMs = -1;
    const replyTo = { address: "test/cut", tell: (reply: SnapshotReply) => void taken.push(reply) };
    it.shard.tell({ type: "snapshot", at: 2, onTaken: (ms) => (tookMs = ms), replyTo });
    for (let clock = 0; clock < 4; clock += 1) {
      it.push(1, { clock, batch: clock, gradient: [-1] });
      await it.run();
    }
    expect(taken).toMatchObject([{ type: "shard_snapshot", version: 2, values: new Float32Array([2]) }]);
    expect(tookMs).toBeGreaterThanOrEqual(0);
    expect(await it.values()).toEqual([4]);
  });

  test("of a version that has passed are missed, and so is one whose place another takes", async () => {
    const it = await scene(1, { slots: 1 });
    await it.initialize([0]);
    const taken: SnapshotReply[] = [];
    const replyTo = { address: "test/cut", tell: (reply: SnapshotReply) => void taken.push(reply) };
    it.push(1, { clock: 0, batch: 0, gradient: [-1] });
    await it.run();
    for (const at of [0, 5, 7]) it.shard.tell({ type: "snapshot", at, replyTo });
    await it.run();
    const missed = { type: "snapshot_missed", shard: 3, version: 1 };
    expect(taken).toEqual([missed, missed]);
    await it.host.release("run-1");
    await it.run();
    expect(taken).toEqual([missed, missed, missed]);
  });

  test.each(optimizers)("restored and continued give the bits of going on: $name", async (optimizer) => {
    const hosting = { slots: 2, optimizer, schedule: { name: "exponential", gamma: 0.9 } };
    const undisturbed = await scene(size, hosting);
    await undisturbed.initialize([1, -2, 3, -4, 5]);
    await train(undisturbed, 0, 4);
    const snapshot = throughBytes(await undisturbed.snapshot());
    await train(undisturbed, 4, 9);

    const restored = await scene(size, hosting);
    expect(await restored.restore(snapshot)).toEqual({ type: "restored", version: 4 });
    await train(restored, 4, 9);
    expect(await restored.values()).toEqual(await undisturbed.values());
    expect(await restored.snapshot()).toEqual(await undisturbed.snapshot());
    // Which update is looked at depends on when it comes; a copy counts its traffic from its own beginning.
    const measured = { gradientNorm: null, updateRatio: null, bytesMoved: 0 };
    expect({ ...(await restored.describe()), ...measured }).toEqual({ ...(await undisturbed.describe()), ...measured });
  });

  test("are of the newest values: those before them are not in it, and are not given out for others", async () => {
    const it = await scene(1, { slots: 1, keepFormer: true });
    const pull = async (): Promise<readonly [number | undefined, number | undefined]> => {
      let [value, version]: [number | undefined, number | undefined] = [undefined, undefined];
      const receive = (values: Float32Array, of: number): void => void ([value, version] = [values[0], of]);
      const sender = { run: "run-1", worker: 1, incarnation: 1, name: "worker-1" };
      const replyTo = { address: "test/pull", tell: () => undefined };
      it.shard.tell({ type: "pull", sender, clock: 1, former: true, deadlineMs: 100, receive, replyTo });
      await it.run();
      return [value, version];
    };
    await it.initialize([0]);
    for (const clock of [0, 1]) it.push(1, { clock, batch: clock, gradient: [-1] });
    expect(await pull()).toEqual([1, 1]);
    await it.restore(await it.snapshot());
    expect(await pull()).toEqual([2, 2]);
  });

  test("remember which pushes and batches counted", async () => {
    const hosting = { consistency: { mode: "asynchronous" } } as const;
    const before = await scene(1, hosting);
    await before.initialize([0]);
    before.push(1, { batch: 7, gradient: [-1] });
    await before.run();
    const after = await scene(1, hosting);
    await after.restore(await before.snapshot());
    const repeated = after.push(1, { batch: 7, gradient: [-1], sequence: 1 });
    const takenOver = after.push(2, { batch: 7, gradient: [-1] });
    await after.run();
    expect([repeated.reply(), takenOver.reply()]).toEqual([
      { type: "push_duplicate", version: 1 },
      { type: "push_duplicate", version: 1, of: "batch" },
    ]);
  });

  test("leave the step in progress to its senders: they are told to push again", async () => {
    const it = await scene(1, { slots: 3 });
    await it.initialize([0]);
    const snapshot = await it.snapshot();
    const folded = it.push(1, { batch: 0, gradient: [-1] });
    const staged = it.push(2, { batch: 2, gradient: [-1] });
    await it.run();
    await it.restore(snapshot);
    for (const push of [folded, staged]) {
      expect(push.reply()).toMatchObject({ type: "refused", error: { code: "actor_stopped" } });
      expect(push.releases()).toBe(1);
    }
    for (const batch of [0, 1, 2]) it.push(1, { batch, gradient: [-6], sequence: batch + 1 });
    await it.run();
    expect(await it.values()).toEqual([6]);
  });

  test("of a shard without values restore one without values", async () => {
    const it = await scene(1);
    await it.restore(await it.snapshot());
    const pull = it.pull(1, 0);
    await it.run();
    expect(pull.reply()).toBeUndefined();
    expect(await it.initialize([4])).toEqual({ type: "initialized", version: 0 });
  });

  const spoiled: readonly (readonly [string, (snapshot: ShardSnapshot) => unknown])[] = [
    ["another run", (snapshot) => ({ ...snapshot, run: "run-2" })],
    ["another key range", (snapshot) => ({ ...snapshot, begin: 16 })],
    ["another format", (snapshot) => ({ ...snapshot, format: 2 })],
    ["too few values", (snapshot) => ({ ...snapshot, values: new Float32Array(0) })],
    ["no version", (snapshot) => ({ ...snapshot, version: -1 })],
    ["another optimiser", (snapshot) => ({ ...snapshot, optimizer: { name: "adam", stepCount: 0, slots: {} } })],
    ["no progress", (snapshot) => ({ ...snapshot, progress: null })],
    ["malformed clocks", (snapshot) => ({ ...snapshot, progress: { ...(snapshot.progress as object), clocks: [1] } })],
    [
      "overlapping batches",
      (snapshot) => ({ ...snapshot, progress: { ...(snapshot.progress as object), batches: [3, 1] } }),
    ],
  ];

  test.each(spoiled)("with %s are refused and change nothing", async (_what, spoil) => {
    const it = await scene(1);
    await it.initialize([1]);
    it.push(1, { batch: 0, gradient: [-1] });
    const good = await it.snapshot();
    const outcome = await it.restore(spoil(good) as ShardSnapshot);
    expect(outcome).toMatchObject({ type: "refused", error: { code: "snapshot_corrupt" } });
    expect(await it.snapshot()).toEqual(good);
  });
});
