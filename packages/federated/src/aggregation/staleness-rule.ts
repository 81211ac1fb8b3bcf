/**
 * How much a contribution counts that began τ versions ago.
 *
 *   constant     1
 *   threshold    1 for τ ≤ cutoff, else value                  FLSim
 *   polynomial   (1 + τ)^−a; a = ½ is FedBuff's                Xie, Koyejo, Gupta 2019; Nguyen et al., AISTATS 2022
 *   hinge        1 for τ ≤ b, else 1/(a·(τ − b) + 1)           Xie, Koyejo, Gupta 2019 (FedAsync, arXiv 1903.03934)
 *
 * A contribution to the present version has τ = 0 and counts whole: nothing is taken from who is not late.
 */
import { choice, number, parseNamed, type Field } from "../spec-fields.ts";

export type StalenessRule =
  | { readonly name: "constant" }
  /** `value` above `cutoff`; both must be given. */
  | { readonly name: "threshold"; readonly cutoff: number; readonly value: number }
  /** Default exponent 0.5. */
  | { readonly name: "polynomial"; readonly exponent?: number | undefined }
  /** Default slope 10, offset 4. */
  | { readonly name: "hinge"; readonly slope?: number | undefined; readonly offset?: number | undefined };

export type ResolvedStalenessRule =
  | { readonly name: "constant" }
  | { readonly name: "threshold"; readonly cutoff: number; readonly value: number }
  | { readonly name: "polynomial"; readonly exponent: number }
  | { readonly name: "hinge"; readonly slope: number; readonly offset: number };

/** How much a contribution counts of n samples: not at all by them, n, √n, or log₁₀(1 + n). */
export type ExampleWeight = "equal" | "linear" | "sqrt" | "log";

const rules = {
  constant: {},
  threshold: { cutoff: number({ least: 0 }), value: number({ least: 0, greatest: 1 }) },
  polynomial: { exponent: number({ least: 0 }, 0.5) },
  hinge: { slope: number({ least: 0 }, 10), offset: number({ least: 0 }, 4) },
};

/** A staleness rule as a field of a policy. */
export function stalenessRule(fallback: ResolvedStalenessRule): Field<ResolvedStalenessRule> {
  return (value, path) => (value === undefined ? fallback : parseNamed<ResolvedStalenessRule>(path, rules, value));
}

/** How samples count, as a field of a policy. */
export function exampleWeight(fallback: ExampleWeight): Field<ExampleWeight> {
  return choice(["equal", "linear", "sqrt", "log"], fallback);
}

/** @param staleness version now minus base version, ≥ 0 */
export function weightOfStaleness(rule: ResolvedStalenessRule, staleness: number): number {
  switch (rule.name) {
    case "constant":
      return 1;
    case "threshold":
      return staleness <= rule.cutoff ? 1 : rule.value;
    case "polynomial":
      return (1 + staleness) ** -rule.exponent;
    case "hinge":
      return staleness <= rule.offset ? 1 : 1 / (rule.slope * (staleness - rule.offset) + 1);
  }
}

/** @param samples at least 1 */
export function weightOfExamples(rule: ExampleWeight, samples: number): number {
  switch (rule) {
    case "equal":
      return 1;
    case "linear":
      return samples;
    case "sqrt":
      return Math.sqrt(samples);
    case "log":
      return Math.log10(1 + samples);
  }
}
