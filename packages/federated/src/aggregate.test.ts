import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../../../test/support/vectors.ts";
import { createAggregate } from "./aggregate.ts";

interface FederatedVectors {
  readonly robust: {
    readonly vectors: readonly (readonly number[])[];
    readonly weights: readonly number[];
    readonly mean: readonly number[];
    readonly weighted_mean: readonly number[];
  };
  readonly quadratic: {
    readonly a: readonly number[];
    readonly b: readonly number[];
    readonly n: readonly number[];
    readonly local_steps: readonly number[];
    readonly lr: number;
    readonly x0: number;
    readonly fedavg_5: readonly number[];
    readonly fedavg_500_last: number;
  };
}

const vectors = loadVectors<FederatedVectors>("federated");

function meanOf(updates: readonly (readonly number[])[], weights: readonly number[]): Float32Array {
  const aggregate = createAggregate(updates[0]?.length ?? 0);
  for (const [index, update] of updates.entries()) aggregate.add(Float32Array.from(update), weights[index] ?? 0);
  const parameters = new Float32Array(updates[0]?.length ?? 0);
  aggregate.applyTo(parameters);
  return parameters;
}

/** Inputs and results are float32: two roundings of 6e-8. */
const singlePrecision = 2e-7;

function expectClose(found: Float32Array, expected: readonly number[]): void {
  for (const [index, value] of expected.entries()) {
    expect(Math.abs((found[index] ?? Number.NaN) - value)).toBeLessThanOrEqual(singlePrecision * Math.abs(value));
  }
}

describe("the aggregate", () => {
  it("is the weighted mean of the reference vectors", () => {
    const { robust } = vectors;
    expectClose(meanOf(robust.vectors, robust.weights), robust.weighted_mean);
    expectClose(
      meanOf(
        robust.vectors,
        robust.vectors.map(() => 1),
      ),
      robust.mean,
    );
    expectClose(meanOf([[1], [3]], [1, 2]), [7 / 3]);
  });

  it("follows federated averaging of three quadratics round by round", () => {
    const { a, b, n, local_steps: steps, lr, x0, fedavg_5, fedavg_500_last } = vectors.quadratic;
    const aggregate = createAggregate(1);
    const x = Float32Array.of(x0);
    const seen: number[] = [];
    for (let round = 0; round < 500; round += 1) {
      aggregate.clear();
      const [start = 0] = x;
      for (const [client, slope] of a.entries()) {
        let local = start;
        for (let step = 0; step < (steps[client] ?? 0); step += 1) local -= lr * slope * (local - (b[client] ?? 0));
        aggregate.add(Float32Array.of(local - start), n[client] ?? 0);
      }
      aggregate.applyTo(x);
      seen.push(x[0] ?? Number.NaN);
    }
    // The state is rounded to float32 in each round; the map contracts, so the error stays at a few roundings.
    const tolerance = 1e-6;
    for (const [round, expected] of fedavg_5.entries())
      expect(Math.abs((seen[round] ?? 0) - expected)).toBeLessThan(tolerance);
    expect(Math.abs((seen[499] ?? 0) - fedavg_500_last)).toBeLessThan(tolerance);
  });

  it("does not depend on the order of the updates beyond float64", () => {
    const updates = fc.array(fc.tuple(fc.float({ min: -1, max: 1, noNaN: true }), fc.integer({ min: 1, max: 99 })), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(updates, (given) => {
        const mean = (order: typeof given): number =>
          meanOf(
            order.map(([value]) => [value]),
            order.map(([, weight]) => weight),
          )[0] ?? Number.NaN;
        expect(Math.abs(mean(given) - mean(given.toReversed()))).toBeLessThanOrEqual(singlePrecision);
      }),
    );
  });

  it("applies with the server's rate and forgets between rounds", () => {
    const aggregate = createAggregate(2);
    aggregate.add(Float32Array.of(2, 4), 3);
    expect([aggregate.count, aggregate.totalWeight]).toEqual([1, 3]);
    const parameters = Float32Array.of(1, 1);
    aggregate.applyTo(parameters, 0.5);
    expect([...parameters]).toEqual([2, 3]);
    aggregate.clear();
    expect(() => aggregate.applyTo(parameters)).toThrow("there is no update to apply");
  });

  it("refuses vectors of another size and weights that are not positive", () => {
    const aggregate = createAggregate(2);
    expect(() => aggregate.add(Float32Array.of(1), 1)).toThrow(expect.objectContaining({ code: "layout_mismatch" }));
    expect(() => aggregate.add(Float32Array.of(1, 2), 0)).toThrow(RangeError);
    expect(() => aggregate.add(Float32Array.of(1, 2), Number.NaN)).toThrow(RangeError);
  });
});
