import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEpochPlan } from "./epoch-plan.ts";
import { createShuffle } from "./shuffle.ts";

const options = fc.record({
  samples: fc.integer({ min: 1, max: 400 }),
  batchSize: fc.integer({ min: 1, max: 50 }),
  slots: fc.integer({ min: 1, max: 9 }),
  epochs: fc.integer({ min: 1, max: 3 }),
});

describe("createEpochPlan", () => {
  it("covers every position of every epoch exactly once", () => {
    fc.assert(
      fc.property(options, (given) => {
        const plan = createEpochPlan(given);
        const seen = Array.from({ length: given.epochs }, () => new Uint8Array(given.samples));
        for (let number = 0; number < plan.totalBatches; number += 1) {
          const { epoch, step, slot, begin, end } = plan.batch(number);
          expect(step).toBe(Math.floor(number / given.slots));
          expect(slot).toBe(number % given.slots);
          expect(epoch).toBe(Math.floor(number / plan.batchesPerEpoch));
          expect(end - begin).toBeLessThanOrEqual(given.batchSize);
          for (let position = begin; position < end; position += 1) {
            const counts = seen[epoch];
            if (counts !== undefined) counts[position] = (counts[position] ?? 0) + 1;
          }
        }
        expect(seen.every((counts) => counts.every((count) => count === 1))).toBe(true);
      }),
    );
  });

  it("covers every position once, however unevenly each step is cut", () => {
    const uneven = fc.tuple(options, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })));
    fc.assert(
      fc.property(uneven, ([given, draws]) => {
        const plan = createEpochPlan({ ...given, epochs: 1 });
        const seen = new Uint8Array(given.samples);
        for (let step = 0; step < plan.totalSteps; step += 1) {
          const stepSize = given.slots * given.batchSize;
          const points = Array.from({ length: given.slots - 1 }, () => Math.floor(draws.next().value * stepSize));
          const cut = [0, ...points.toSorted((a, b) => a - b), stepSize];
          const sizes = cut.slice(1).map((point, slot) => point - (cut[slot] ?? 0));
          for (let slot = 0; slot < given.slots; slot += 1) {
            const { begin, end } = plan.batch(step * given.slots + slot, sizes);
            for (let position = begin; position < end; position += 1) seen[position] = (seen[position] ?? 0) + 1;
          }
        }
        expect(seen.every((count) => count === 1)).toBe(true);
      }),
    );
  });

  it("gives the slots of a full step the sizes that it is told, and refuses sizes of another step", () => {
    const plan = createEpochPlan({ samples: 100, batchSize: 10, slots: 3, epochs: 1 });
    expect([3, 4, 5].map((number) => plan.batch(number, [2, 20, 8])).map(({ begin, end }) => [begin, end])).toEqual([
      [30, 32],
      [32, 52],
      [52, 60],
    ]);
    expect(() => plan.batch(0, [10, 10, 11])).toThrow("31 samples");
    expect(() => plan.batch(0, [15, 15])).toThrow(RangeError);
  });

  it("gives slot r of a full step the r-th batch of positions", () => {
    const plan = createEpochPlan({ samples: 100, batchSize: 10, slots: 3, epochs: 2 });
    expect(plan.stepsPerEpoch).toBe(4);
    expect(plan.totalBatches).toBe(24);
    expect(plan.batch(4)).toEqual({ epoch: 0, step: 1, slot: 1, begin: 40, end: 50 });
    expect(plan.batch(16)).toEqual({ epoch: 1, step: 5, slot: 1, begin: 40, end: 50 });
  });

  it("divides the last step evenly, the first slots taking one more", () => {
    const last = (samples: number): number[] => {
      const plan = createEpochPlan({ samples, batchSize: 10, slots: 3, epochs: 1 });
      return [9, 10, 11].map((number) => plan.batch(number).end - plan.batch(number).begin);
    };
    expect(last(100)).toEqual([4, 3, 3]);
    expect(last(92)).toEqual([1, 1, 0]);
    expect(last(91)).toEqual([1, 0, 0]);
  });

  it("refuses counts that are not positive integers, and batches that it does not have", () => {
    expect(() => createEpochPlan({ samples: 0, batchSize: 1, slots: 1, epochs: 1 })).toThrow("samples must be");
    expect(() => createEpochPlan({ samples: 1, batchSize: 1.5, slots: 1, epochs: 1 })).toThrow("batchSize must be");
    const plan = createEpochPlan({ samples: 5, batchSize: 2, slots: 1, epochs: 1 });
    expect(() => plan.batch(3)).toThrow("batch 3 is not in [0, 3)");
    expect(() => plan.batch(-1)).toThrow(RangeError);
  });
});

describe("createShuffle", () => {
  it("gives a permutation for each epoch", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 300 }), fc.nat({ max: 5 }), (seed, samples, epoch) => {
        const order = createShuffle(seed, samples).order(epoch);
        expect([...order].toSorted((left, right) => left - right)).toEqual([...new Array<number>(samples).keys()]);
      }),
    );
  });

  it("is the same for everyone who asks and differs between seeds and epochs", () => {
    const shuffle = createShuffle(1, 1_000);
    const first = shuffle.order(0).slice();
    expect(shuffle.order(1)).not.toEqual(first);
    expect(shuffle.order(0)).toEqual(first);
    expect(createShuffle(1, 1_000).order(0)).toEqual(first);
    expect(createShuffle(2, 1_000).order(0)).not.toEqual(first);
    expect([...first.subarray(0, 4)]).toMatchInlineSnapshot(`
      [
        298,
        383,
        241,
        968,
      ]
    `);
  });

  it("keeps the order of the epoch last asked for", () => {
    const shuffle = createShuffle(1, 100);
    expect(shuffle.order(2)).toBe(shuffle.order(2));
  });
});
