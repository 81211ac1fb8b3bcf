/**
 * How much a push counts that is τ versions old: a factor on its learning rate, 1 for τ = 0 (but for "constant").
 *
 *   inverse      1/max(1, τ)                            Zhang, Gupta, Lian, Liu, IJCAI 2016 (arXiv 1511.05950)
 *   polynomial   (τ + 1)^−a                             Xie, Koyejo, Gupta 2019 (FedAsync, arXiv 1903.03934)
 *   hinge        1 for τ ≤ b, else 1/(a·(τ − b) + 1)    the same
 */
import type { ResolvedStalenessWeight } from "./staleness-spec.ts";

/** @param staleness - version at apply minus base version, τ ≥ 0 */
export function stalenessWeight(rule: ResolvedStalenessWeight, staleness: number): number {
  switch (rule.name) {
    case "none":
      return 1;
    case "inverse":
      return 1 / Math.max(1, staleness);
    case "polynomial":
      return (staleness + 1) ** -rule.exponent;
    case "hinge":
      return staleness <= rule.offset ? 1 : 1 / (rule.slope * (staleness - rule.offset) + 1);
    case "constant":
      return rule.weight;
  }
}
