import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { createShardScene, type ShardScene } from "../../../../test/support/shard-scene.ts";
import { cutSnapshot } from "./cut-snapshot.ts";

const scenes: ShardScene[] = [];

async function scene(size: number, hosting: Parameters<typeof createShardScene>[1]): Promise<ShardScene> {
  const created = await createShardScene(size, hosting);
  scenes.push(created);
  return created;
}

afterEach(async () => {
  for (const { close, failures } of scenes.splice(0)) {
    await close();
    expect(failures).toEqual([]);
  }
});

const size = 12;
const gradientOf = (batch: number): number[] =>
  Array.from({ length: size }, (_, key) => Math.sin(1 + batch * size + key) * (key + 1));

/** Steps of two slots with the gradients of a part of the keys. */
async function train(it: ShardScene, from: number, to: number, begin = 0, end = size): Promise<void> {
  for (let clock = from; clock < to; clock += 1) {
    for (const slot of [0, 1]) {
      const batch = 2 * clock + slot;
      const gradient = gradientOf(batch).slice(begin, end);
      it.push(slot + 1, { clock, batch, samples: 2 + slot, gradient, sequence: clock + 1 });
    }
    await it.run();
  }
}

const elementwise = [
  { name: "sgd", learningRate: 0.1, momentum: 0.9, nesterov: true },
  { name: "adam", learningRate: 0.01, amsgrad: true },
  { name: "adagrad", learningRate: 0.1 },
  { name: "rmsprop", learningRate: 0.01, momentum: 0.9, centered: true },
  { name: "adadelta", learningRate: 1 },
  { name: "ftrl", learningRate: 0.1, l1: 0.01, l2: 0.1 },
];

const initial = Array.from({ length: size }, (_, key) => Math.cos(key));

describe("parts of a snapshot", () => {
  it.each(elementwise)("go on with the bits of the whole, wherever it is cut: $name", async (optimizer) => {
    const hosting = { slots: 2, optimizer, schedule: { name: "exponential", gamma: 0.9 } } as const;
    const whole = await scene(size, hosting);
    await whole.initialize(initial);
    await train(whole, 0, 3);
    const snapshot = await whole.snapshot();
    await train(whole, 3, 7);
    const expected = await whole.values();
    const borders = fc.uniqueArray(fc.integer({ min: 1, max: size - 1 }), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(borders, async (unsorted) => {
        const ends = [...unsorted.toSorted((a, b) => a - b), size];
        const values: number[] = [];
        for (const [index, end] of ends.entries()) {
          const begin = ends[index - 1] ?? 0;
          const part = await scene(end - begin, hosting);
          // The scene's shard owns the keys from 0 on, and goes by one number.
          const cut = cutSnapshot(snapshot, snapshot.shard, { begin, end });
          const reply = await part.restore({ ...cut, begin: 0, end: end - begin });
          expect(reply).toEqual({ type: "restored", version: 3 });
          await train(part, 3, 7, begin, end);
          values.push(...(await part.values()));
        }
        expect(values).toEqual(expected); // no tolerance
      }),
      { numRuns: 8 },
    );
  });

  it("know which batches counted, and which pushes, as the whole does", async () => {
    const whole = await scene(size, { consistency: { mode: "asynchronous" } });
    await whole.initialize(initial);
    whole.push(1, { batch: 7, gradient: gradientOf(7) });
    await whole.run();
    const part = await scene(4, { consistency: { mode: "asynchronous" } });
    const cut = cutSnapshot(await whole.snapshot(), 3, { begin: 8, end: 12 });
    await part.restore({ ...cut, begin: 0, end: 4 });
    const repeated = part.push(1, { batch: 7, gradient: gradientOf(7).slice(8), sequence: 1 });
    const takenOver = part.push(2, { batch: 7, gradient: gradientOf(7).slice(8) });
    await part.run();
    expect(repeated.reply()).toEqual({ type: "push_duplicate", version: 1 });
    expect(takenOver.reply()).toEqual({ type: "push_duplicate", version: 1, of: "batch" });
    expect(await part.values()).toEqual((await whole.values()).slice(8));
  });

  it("cut buffers of pushes and what compensation keeps of workers with the values", async () => {
    const whole = await scene(size, { consistency: { mode: "asynchronous", buffer: 3 } });
    await whole.initialize(initial);
    for (const batch of [0, 1])
      whole.push(1, { batch, clock: batch, gradient: gradientOf(batch), sequence: batch + 1 });
    await whole.run();
    const snapshot = await whole.snapshot();
    const part = await scene(5, { consistency: { mode: "asynchronous", buffer: 3 } });
    const cut = cutSnapshot(snapshot, snapshot.shard, { begin: 2, end: 7 });
    await part.restore({ ...cut, begin: 0, end: 5 });
    whole.push(1, { batch: 2, clock: 2, gradient: gradientOf(2), sequence: 3 });
    part.push(1, { batch: 2, clock: 2, gradient: gradientOf(2).slice(2, 7), sequence: 3 });
    await whole.run();
    await part.run();
    expect(await part.values()).toEqual((await whole.values()).slice(2, 7)); // no tolerance
    const entries = [{ worker: 1, version: 2, backup: new Float32Array(initial), meanSquare: null }];
    const kept = cutSnapshot({ ...snapshot, compensation: { entries, sharedMeanSquare: null } }, 0, {
      begin: 1,
      end: 3,
    });
    const [backup] = [new Float32Array(initial).slice(1, 3)];
    expect(kept.compensation).toEqual({ entries: [{ ...entries[0], backup }], sharedMeanSquare: null });
  });
});
