import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptyLedger, epsilonOf, spend } from "./accountant.ts";
import { gaussianDelta, gaussianNoiseFor } from "./analytic-gaussian.ts";
import { noiseForBudget } from "./calibration.ts";
import { localDeviation } from "./local-privacy.ts";
import { normalCdf } from "./log-space.ts";
import { contributionOf, planLocalPrivacy } from "./plan-local.ts";
import { decideBudget } from "./privacy-budget.ts";
import { treeNoiseVariance } from "./tree-noise.ts";

describe("a privacy budget", () => {
  const round = { samplingRate: 0.1, noiseMultiplier: 1, sampling: "poisson" } as const;

  it("lets rounds go until one more would exceed it, and stops for good then", () => {
    let ledger = emptyLedger();
    const spent: number[] = [];
    for (;;) {
      const decision = decideBudget(ledger, round, { epsilon: 5, delta: 1e-5 });
      if (decision.kind === "stop") {
        expect(decision.wouldBe).toBeGreaterThan(5);
        expect(decision.reason).toContain("above the budget of 5");
        break;
      }
      ledger = decision.ledger;
      spent.push(decision.spending.epsilon);
    }
    expect(spent).toHaveLength(ledger.rounds);
    expect(spent.at(-1)).toBeLessThanOrEqual(5);
    expect([...spent].sort((a, b) => a - b)).toEqual(spent);
    expect(decideBudget(ledger, round, { epsilon: 5, delta: 1e-5 }).kind).toBe("stop");
  });

  it("never lets a round without noise go", () => {
    const decision = decideBudget(emptyLedger(), { ...round, noiseMultiplier: 0 }, { epsilon: 1e6, delta: 1e-5 });
    expect(decision).toMatchObject({ kind: "stop", wouldBe: Infinity });
  });

  it("is used up by just as many rounds as its noise was calibrated for", () => {
    const budget = { epsilon: 3, delta: 1e-6 };
    for (const sampling of ["poisson", "fixed_size", "none"] as const) {
      const noiseMultiplier = noiseForBudget(budget, 10, { samplingRate: 0.05, sampling }, { tolerance: 1e-3 });
      let ledger = emptyLedger();
      for (let number = 1; number <= 10; number++) {
        const decision = decideBudget(ledger, { samplingRate: 0.05, sampling, noiseMultiplier }, budget);
        if (decision.kind !== "go") throw new Error(decision.reason);
        ledger = decision.ledger;
      }
      expect(decideBudget(ledger, { samplingRate: 0.05, sampling, noiseMultiplier }, budget).kind).toBe("stop");
    }
  });
});

describe("the analytic Gaussian mechanism", () => {
  it("needs the noise that is published, which is less than the accountant's", () => {
    expect(gaussianNoiseFor(2.25, 4.0834087e-4)).toBeCloseTo(Math.SQRT2, 6);
    expect(localDeviation({ clip: 0.5, epsilon: 1, delta: 1e-6 })).toBeLessThan(4.530877117);
  });

  it("gives the ε of many rounds without sampling that are published: together they are one with more noise", () => {
    // TF-Privacy's PLD, z = 0.7 and, of micro-batches, 0.35, two rounds; 1e-4: its losses are on a grid of that width.
    for (const [multiplier, epsilon] of [
      [0.7, 10.1224946],
      [0.35, 24.7160779],
    ] as const) {
      const together = multiplier / Math.SQRT2;
      expect(gaussianDelta(together, epsilon + 1e-4)).toBeLessThan(1e-5);
      expect(gaussianDelta(together, epsilon - 1e-4)).toBeGreaterThan(1e-5);
    }
  });

  it("gives what Opacus' GDP accountant says of sampled rounds, which is a limit and no bound", () => {
    // Bu et al. 2019: T rounds tend to one release with noise 1/μ, μ = q·√(T·(e^(1/z²) − 1)).
    const noise = (z: number): number => 1 / (0.04 * Math.sqrt(2250 * Math.expm1(1 / (z * z))));
    // Published as 6.59 to 6.60, which is rounded.
    expect(gaussianDelta(noise(1.5), 6.59)).toBeGreaterThan(1e-5);
    expect(gaussianDelta(noise(1.5), 6.605)).toBeLessThan(1e-5);
    // Its search for ε = 8 ends within 0.01 below it.
    expect(gaussianDelta(noise(1.3232421875), 8)).toBeLessThan(1e-5);
    expect(gaussianDelta(noise(1.3232421875), 7.99)).toBeGreaterThan(1e-5);
  });

  it("keeps (ε, δ) and wastes nothing", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 50, noNaN: true }),
        fc.double({ min: 3, max: 12, noNaN: true }),
        (epsilon, digits) => {
          const delta = 10 ** -digits;
          const noise = gaussianNoiseFor(epsilon, delta);
          expect(gaussianDelta(noise, epsilon)).toBeLessThanOrEqual(delta);
          // 1e-5: δ falls faster than the noise grows, whose tolerance is 1e-12.
          expect(gaussianDelta(noise * (1 - 1e-6), epsilon)).toBeGreaterThan(delta);
        },
      ),
    );
  });

  it("stands on a normal distribution that is right in its tails", () => {
    // From tables of the error function; relative 1e-13.
    const known: readonly (readonly [number, number])[] = [
      [-10, 7.61985302416052e-24],
      [-5, 2.866515718791939e-7],
      [-3, 1.349898031630094e-3],
      [-2.9999, 1.350341278e-3],
      [-1, 0.15865525393145705],
      [0, 0.5],
      [1.96, 0.9750021048517795],
    ];
    for (const [x, phi] of known) expect(normalCdf(x) / phi).toBeCloseTo(1, x === -2.9999 ? 7 : 12);
    expect(normalCdf(-40)).toBeGreaterThanOrEqual(0);
    expect(normalCdf(40)).toBe(1);
  });
});

describe("local privacy over a run", () => {
  const local = { name: "local", epsilon: 1, delta: 1e-5, clip: 2, budget: null } as const;
  const after = (contributions: number, mechanism = contributionOf(planLocalPrivacy(local))): number =>
    epsilonOf(spend(emptyLedger(), mechanism, contributions), local.delta).epsilon;

  it("adds contributions up as rounds in which everybody takes part", () => {
    // The accountant's vectors for q = 1: z = 1 once, z = 5 a hundred times.
    expect(after(1, contributionOf({ clip: 3, deviation: 6 }))).toBeCloseTo(4.728507, 3);
    expect(after(100, contributionOf({ clip: 0.5, deviation: 5 }))).toBeCloseTo(10.72551, 3);
  });

  it("never says less than the Gaussian mechanism is known to cost, which for one contribution is what was asked for", () => {
    const { noiseMultiplier } = contributionOf(planLocalPrivacy(local));
    expect(gaussianDelta(noiseMultiplier, 1)).toBeCloseTo(1e-5, 12);
    for (const contributions of [1, 2, 10, 100, 5_000]) {
      expect(gaussianDelta(noiseMultiplier / Math.sqrt(contributions), after(contributions))).toBeLessThan(1e-5);
      expect(after(contributions)).toBeLessThan(after(contributions + 1));
    }
    expect(after(1)).toBeGreaterThan(1);
    expect(after(1)).toBeLessThan(1.2);
    expect(after(5_000)).toBeGreaterThan(100); // five thousand times ε = 1
  });

  it("refuses a budget that the first contribution would pass, with the least that would do", () => {
    expect(() => planLocalPrivacy({ ...local, budget: 1 })).toThrow(/privacy\.budget: expected at least 1\.\d{4}, /);
    expect(planLocalPrivacy({ ...local, budget: after(1) })).toMatchObject({ budget: after(1), clip: 2, delta: 1e-5 });
  });

  it("stops in words of contributions", () => {
    const mechanism = contributionOf(planLocalPrivacy(local));
    const ledger = spend(emptyLedger(), mechanism, 9);
    const decision = decideBudget(ledger, mechanism, { epsilon: after(9), delta: 1e-5 }, "a client's contribution");
    expect(decision.reason).toMatch(/^a client's contribution 10 would bring ε to \d+\.\d+ at δ = 0\.00001, above/);
    expect(decideBudget(ledger, mechanism, { epsilon: Infinity, delta: 1e-5 }).kind).toBe("go");
  });
});

describe("noise in a tree", () => {
  it("has the published variances", () => {
    expect(treeNoiseVariance(5, 2, "plain")).toBe(8);
    expect(treeNoiseVariance(6, 0.5, "plain")).toBe(0.5);
    expect(treeNoiseVariance(7, 1, "plain")).toBe(3);
    expect(treeNoiseVariance(8, 1, "plain")).toBe(1);
    expect(treeNoiseVariance(3, 1, "efficient")).toBeCloseTo(5 / 3, 14);
    expect(treeNoiseVariance(4, 1, "efficient")).toBeCloseTo(4 / 7, 14);
  });
});
