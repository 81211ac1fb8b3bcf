import { describe, expect, it } from "vitest";
import { emptyLedger, epsilonOf, spend } from "./accountant.ts";
import { noiseForBudget } from "./calibration.ts";
import { defaultOrders, renyiDivergences } from "./renyi-divergence.ts";

const wholeOrders = Array.from({ length: 255 }, (_, i) => i + 2);
const opacusOrders = defaultOrders.filter((order) => order < 64);
const poisson = (samplingRate: number, noiseMultiplier: number) =>
  ({ samplingRate, noiseMultiplier, sampling: "poisson" }) as const;

function epsilonAfter(q: number, z: number, rounds: number, delta: number, orders = defaultOrders): number {
  return epsilonOf(spend(emptyLedger(orders), poisson(q, z), rounds), delta).epsilon;
}

/**
 * ρ(α) for 1 < α < 3, α ≠ 2, as dp_accounting bounds it: of the binomial series in r = the lesser over the greater of 1 − q and
 * q·exp((2x − 1)/(2z²)) it adds up magnitudes. That sum is (1 − r)^α but for the signs of its first terms. Simpson's rule.
 */
function divergenceOfMagnitudes(q: number, z: number, order: number): number {
  const termsAt = (x: number): number => {
    const [one, other] = [1 - q, q * Math.exp((2 * x - 1) / (2 * z * z))];
    const r = Math.min(one, other) / Math.max(one, other);
    const signed = (1 - r) ** order;
    const sum = order < 2 ? signed + 2 * order * r : 2 + order * (order - 1) * r * r - signed;
    return Math.max(one, other) ** order * sum * Math.exp(-(x * x) / (2 * z * z));
  };
  const [begin, steps] = [-12 * z, 40_000];
  const step = (order + 24 * z) / steps;
  let sum = 0;
  for (let at = 0; at <= steps; at++) {
    sum += (at === 0 || at === steps ? 1 : at % 2 === 0 ? 2 : 4) * termsAt(begin + at * step);
  }
  return Math.log((sum * step) / 3 / (z * Math.sqrt(2 * Math.PI))) / (order - 1);
}

describe("the accountant", () => {
  // q, z, rounds, δ, ε with whole orders 2 … 256, ε with the orders of Opacus. 1e-6: all digits that are given.
  it.each([
    [0.1, 1, 100, 1e-5, 7.972922, 7.899255],
    [0.1, 1, 500, 1e-5, 18.645063, 18.01864],
    [0.1, 0.7, 100, 1e-5, 16.608813, 16.419709],
    [0.1, 2, 100, 1e-5, 2.586652, 2.580569],
    [0.01, 1, 1000, 1e-5, 2.107753, 2.101365],
    [0.01, 1, 4000, 1e-5, 4.095904, 4.076443],
    [0.01, 0.5, 1000, 1e-5, 15.472133, 15.464268],
    [0.05, 1.1, 200, 1e-5, 4.467567, 4.443048],
    [1, 1, 1, 1e-5, 4.752728, 4.728507],
    [1, 5, 100, 1e-5, 10.801691, 10.72551],
  ])("says for q = %d, z = %d, %d rounds what others say", (q, z, rounds, delta, whole, opacus) => {
    expect(epsilonAfter(q, z, rounds, delta, wholeOrders)).toBeCloseTo(whole, 5);
    expect(epsilonAfter(q, z, rounds, delta, opacusOrders)).toBeCloseTo(opacus, 5);
  });

  it("says for ten thousand rounds of a thousandth what others say", () => {
    expect(epsilonAfter(0.001, 1, 10_000, 1e-6, wholeOrders)).toBeCloseTo(0.979542, 5);
  });

  it("agrees with Opacus' test, and with those of TF-Privacy", () => {
    expect(epsilonAfter(0.04, 1.5, 2250, 1e-5, opacusOrders)).toBeCloseTo(7.32911117143, 6);
    const first = epsilonOf(spend(emptyLedger(wholeOrders), poisson(150 / 60_000, 1.3), 6000), 1e-5);
    expect(first).toEqual({ epsilon: expect.closeTo(0.7242234026109595, 9) as number, order: 19 });
    const second = epsilonOf(spend(emptyLedger(wholeOrders), poisson(100 / 100_000, 1), 30_000), 1e-7);
    expect(second).toEqual({ epsilon: expect.closeTo(1.4154988495444842, 9) as number, order: 13 });
  });

  // 1.2 epochs: without sampling everybody takes part at most twice. Within a micro-batch sums move twice as far.
  it.each([
    [1, 0.7, 2, 10.8602036],
    [1, 0.35, 2, 26.2880374],
    [0.01, 0.7, 120, 3.2392676],
  ])("agrees with TF-Privacy's statement for q = %d, z = %d", (q, z, rounds, epsilon) => {
    // 1e-3: its orders are not given.
    expect(Math.abs(epsilonAfter(q, z, rounds, 1e-5) - epsilon)).toBeLessThan(1e-3);
  });

  it("is below what others say where the best order is a fraction, for which theirs is a bound", () => {
    const found = epsilonAfter(0.01, 0.35, 120, 1e-5); // at order 1.6
    expect(found).toBeLessThan(22.6248601);
    expect(found).toBeGreaterThan(22.6248601 - 0.03);
    const [first = NaN, second = NaN] = renyiDivergences(poisson(0.01, 2.5), [1.5, 2.5]).map((each) => 50 * each);
    expect(first).toBeLessThan(6.70579741e-4);
    expect(second).toBeLessThan(1.0854871e-3);
  });

  it("would say what others say if it added the terms of a fraction's series up without their signs, as they do", () => {
    expect(50 * divergenceOfMagnitudes(0.01, 2.5, 1.5)).toBeCloseTo(6.70579741e-4, 11);
    expect(50 * divergenceOfMagnitudes(0.01, 2.5, 2.5)).toBeCloseTo(1.0854871e-3, 11);
    const orders = [1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.1, 2.2, 2.3, 2.4, 2.5];
    const divergences = orders.map((order) => 120 * divergenceOfMagnitudes(0.01, 0.35, order));
    const theirs = epsilonOf({ orders, divergences, rounds: 120 }, 1e-5);
    expect(theirs).toEqual({ epsilon: expect.closeTo(22.6248601, 6) as number, order: 1.7 });
  });

  // Accountants that compute the whole distribution of the loss. Ours bounds it: it may say more, and not less.
  it.each([
    ["PRV, Opacus", 0.04, 1.5, 2250, 6.777395712150674],
    ["PLD, TF-Privacy, two rounds", 1, 0.7, 2, 10.1224946],
    ["PLD, TF-Privacy, two rounds, micro-batches", 1, 0.35, 2, 24.7160779],
    ["PLD, TF-Privacy, sampled", 0.01, 0.7, 120, 2.4612381],
    ["PLD, TF-Privacy, sampled, micro-batches", 0.01, 0.35, 120, 18.6977407],
    ["PRV, Opacus, noise for ε = 8", 0.04, 1.34765625, 2250, 8],
    ["PRV, Opacus, noise for ε = 8 in 2000 steps", 0.04, 1.2915, 2000, 8],
  ])("is above the tighter accountants, by a third at most: %s", (_name, q, z, rounds, epsilon) => {
    const found = epsilonAfter(q, z, rounds, 1e-5);
    expect(found).toBeGreaterThan(epsilon);
    expect(found / epsilon).toBeLessThan(4 / 3);
  });

  it("finds the noise of one release that is published for (1, 1e-6)", () => {
    const one = { noiseMultiplier: 4.530877117, samplingRate: 1, sampling: "none" } as const;
    expect(epsilonOf(spend(emptyLedger(), one), 1e-6).epsilon).toBeCloseTo(1, 6);
  });

  it("computes the divergences of dp_accounting, and true integrals where its are bounds", () => {
    const found = renyiDivergences(poisson(0.01, 2.5), [1.5, 2.5, 5, 50, 100]).map((each) => 50 * each);
    const expected = [6.50070897e-4, 1.08541806e-3, 2.18075656e-3, 2.38460375e-2, 167.416308];
    found.forEach((value, i) => expect(value / (expected[i] ?? 0)).toBeCloseTo(1, 7));
  });

  it("computes the same by sum and by integral", () => {
    for (const [q, z] of [
      [0.01, 0.5],
      [0.1, 1],
      [0.5, 3],
      [0.9, 20],
    ] as const) {
      const [by, sums] = [
        renyiDivergences(poisson(q, z), [3 + 1e-9, 17 + 1e-9]),
        renyiDivergences(poisson(q, z), [3, 17]),
      ];
      // The orders differ by 1e-9.
      by.forEach((value, i) => expect(value / (sums[i] ?? 0)).toBeCloseTo(1, 6));
    }
  });

  it("converts a divergence that is the same at all orders", () => {
    const orders = Array.from({ length: 31 }, (_, i) => i + 2);
    const ledger = { orders, divergences: orders.map(() => 1.1), rounds: 1 };
    expect(epsilonOf(ledger, 1e-5)).toEqual({ epsilon: expect.closeTo(1.32783806176, 10) as number, order: 32 });
  });

  it("adds rounds up in any order, and unlike ones too", () => {
    const [a, b] = [poisson(0.1, 1), poisson(0.02, 0.8)];
    const together = spend(spend(emptyLedger(), a, 30), b, 70);
    const apart = spend(spend(spend(emptyLedger(), b, 70), a, 10), a, 20);
    expect(epsilonOf(together, 1e-5).epsilon).toBeCloseTo(epsilonOf(apart, 1e-5).epsilon, 10);
    expect(together.rounds).toBe(100);
  });

  it("survives being written as JSON, also after a round without noise", () => {
    const ledger = spend(spend(emptyLedger(), poisson(0.1, 1)), poisson(0.1, 0));
    const read = JSON.parse(JSON.stringify(ledger)) as typeof ledger;
    expect(read).toEqual(ledger);
    expect(epsilonOf(read, 1e-5).epsilon).toBe(Infinity);
    expect(epsilonOf(emptyLedger(), 1e-5).epsilon).toBe(0);
  });

  it("asks for the noise that Opacus asks for", () => {
    const rounded = { tolerance: 1e-4, orders: opacusOrders };
    const budget = { epsilon: 8, delta: 1e-5 };
    const mechanism = { samplingRate: 0.04, sampling: "poisson" } as const;
    // Opacus stops within 0.01 of ε and never above it: its figures exceed the least noise by up to a thousandth.
    const [epochs, steps] = [
      noiseForBudget(budget, 2250, mechanism, rounded),
      noiseForBudget(budget, 2000, mechanism, rounded),
    ];
    expect(Math.abs(epochs - 1.416)).toBeLessThan(2e-3);
    expect(Math.abs(steps - 1.3562)).toBeLessThan(2e-3);
    expect(epsilonAfter(0.04, epochs, 2250, 1e-5, opacusOrders)).toBeLessThanOrEqual(8);
  });

  it("counts everybody where nothing is assumed of who takes part", () => {
    const none = renyiDivergences({ samplingRate: 0.1, noiseMultiplier: 2, sampling: "none" }, [2, 8.5]);
    expect(none).toEqual([2 / 8, 8.5 / 8]);
  });

  it("bounds rounds of a fixed size, by hand at order 2, and never above those without sampling", () => {
    const fixed = (q: number, z: number, orders: readonly number[]) =>
      renyiDivergences({ samplingRate: q, noiseMultiplier: z, sampling: "fixed_size" }, orders);
    // r(2) = 2·2²/(2·16) = ¼; ln(1 + 0.01·1·min(4(e^¼ − 1), 2e^¼))
    expect(fixed(0.1, 4, [2])[0]).toBeCloseTo(Math.log(1 + 0.01 * 4 * Math.expm1(0.25)), 12);
    const unsampled = [2, 16, 64].map((order) => (2 * order) / 16);
    fixed(0.9, 4, [2, 16, 64]).forEach((value, i) => expect(value).toBeLessThanOrEqual(unsampled[i] ?? 0));
    expect(fixed(0.01, 4, [4])[0]).toBeLessThan(fixed(0.02, 4, [4])[0] ?? 0);
  });

  it("refuses what is no mechanism", () => {
    for (const [q, z] of [
      [0, 1],
      [1.1, 1],
      [0.1, -1],
      [0.1, NaN],
    ] as const) {
      expect(() => renyiDivergences(poisson(q, z), [2])).toThrow(RangeError);
    }
    expect(() => renyiDivergences(poisson(0.1, 1), [1])).toThrow(RangeError);
    expect(() => epsilonOf(emptyLedger(), 0)).toThrow(RangeError);
  });
});
