import fc from "fast-check";
import { expect, it } from "vitest";
import { takeFederatedRow } from "../../../../test/support/federated-rows.ts";
import { weightOfExamples, weightOfStaleness, type ResolvedStalenessRule } from "./staleness-rule.ts";

const tau = takeFederatedRow<number[]>("staleness/tau");

it.each([
  [{ name: "polynomial", exponent: 0.5 }, takeFederatedRow<number[]>("staleness/poly_a0.5")],
  [{ name: "polynomial", exponent: 1 }, takeFederatedRow<number[]>("staleness/poly_a1")],
  [{ name: "hinge", slope: 10, offset: 4 }, takeFederatedRow<number[]>("staleness/hinge_a10_b4")],
  [{ name: "hinge", slope: 0.5, offset: 6 }, takeFederatedRow<number[]>("staleness/hinge_a0.5_b6")],
  [{ name: "threshold", cutoff: 2, value: 0.25 }, tau.map((age) => (age <= 2 ? 1 : 0.25))],
  [{ name: "constant" }, tau.map(() => 1)],
] as const)("a contribution's weight falls with its staleness as published: %j", (rule, expected) => {
  // A power is right within one unit in the last place.
  for (const [at, age] of tau.entries()) expect(weightOfStaleness(rule, age)).toBeCloseTo(expected[at] ?? NaN, 14);
});

it("a fresh contribution counts whole, and an older one never more than a fresher one", () => {
  const rules: ResolvedStalenessRule[] = [
    { name: "constant" },
    { name: "threshold", cutoff: 3, value: 0.5 },
    { name: "polynomial", exponent: 0.5 },
    { name: "hinge", slope: 10, offset: 4 },
  ];
  fc.assert(
    fc.property(fc.constantFrom(...rules), fc.nat(1e6), fc.nat(1e6), (rule, one, other) => {
      expect(weightOfStaleness(rule, 0)).toBe(1);
      const [fresh, old] = [Math.min(one, other), Math.max(one, other)];
      expect(weightOfStaleness(rule, old)).toBeLessThanOrEqual(weightOfStaleness(rule, fresh));
    }),
  );
});

it("samples count equally, by their number, its root or its logarithm", () => {
  const weights = (["equal", "linear", "sqrt", "log"] as const).map((rule) => weightOfExamples(rule, 99));
  expect(weights).toEqual([1, 99, Math.sqrt(99), 2]);
});
