/**
 * How a round's updates are put together when some of its clients may lie, as data.
 *
 *   name               what it is                                                passes over the updates   clients
 *   mean               weighted mean: robust against nothing                     1                         1
 *   median             by key                                                    1                         1
 *   trimmed_mean       by key, without the ⌊trim·n⌋ least and greatest           1                         1
 *   norm_bound         weighted mean of updates clipped to a norm                2                         1
 *   krum, multi_krum   by nearness to neighbours                                 2                         2f + 3
 *   bulyan             Krum repeated, then by key                                2                         4f + 3
 *   geometric_median   the point with the least sum of distances                 1 + iterations            1
 *   centred_clipping   steps towards updates, each clipped, from a trusted start 1 + iterations            1
 *
 * Krum, multi-Krum, Bulyan, median and trimmed mean give each client one vote; the others count samples. Where a paper asks
 * for more clients than came, the rule refuses: with fewer it promises nothing.
 */
import { counted, ShoalError } from "@shoal/errors";
import { choice, number, parseNamed, type Field, type FieldsByName } from "../../spec-fields.ts";

export type RobustRule =
  | { readonly name: "mean" }
  | { readonly name: "median" }
  /** Default trim 0.1: of ten clients the least and the greatest value. */
  | { readonly name: "trimmed_mean"; readonly trim?: number | undefined }
  /**
   * `bound`: a norm, or "median" (default), the median of the round's norms. `beyond`: an update with a greater norm is
   * scaled to it (default), or counts as zero; in both cases it keeps its place in the divisor.
   */
  | {
      readonly name: "norm_bound";
      readonly bound?: number | "median" | undefined;
      readonly beyond?: "scale" | "zero" | undefined;
    }
  /** `byzantine`: f, the clients that may lie. */
  | { readonly name: "krum"; readonly byzantine: number }
  /** `keep`: m, at most n − f; default n − f − 2, for which the paper's proof holds. */
  | { readonly name: "multi_krum"; readonly byzantine: number; readonly keep?: number | null | undefined }
  | { readonly name: "bulyan"; readonly byzantine: number }
  /**
   * Weiszfeld's iteration, at most `iterations` (default 20) times, until the sum of distances falls by less than
   * `tolerance` (default 1e-6) of itself. `smoothing` (default 1e-6): distances count as at least this.
   */
  | {
      readonly name: "geometric_median";
      readonly smoothing?: number | undefined;
      readonly iterations?: number | undefined;
      readonly tolerance?: number | undefined;
    }
  /** `radius`: τ, what an update moves the result by at most. Default iterations 3. */
  | { readonly name: "centred_clipping"; readonly radius: number; readonly iterations?: number | undefined };

type Filled<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

export type ResolvedRobustRule = RobustRule extends infer R ? (R extends unknown ? Filled<R> : never) : never;

/** Passes over all updates that a rule may take at most. */
const mostIterations = 1000;

const byzantine = number({ least: 0, whole: true });
const iterations = (fallback: number): Field<number> =>
  number({ least: 1, greatest: mostIterations, whole: true }, fallback);
const positive = number({ above: 0 });

const boundOrMedian: Field<number | "median"> = (value, path) =>
  value === undefined || value === "median" ? "median" : positive(value, path);
const wholeOrNull: Field<number | null> = (value, path) =>
  value === undefined || value === null ? null : number({ least: 1, whole: true })(value, path);

const rules: FieldsByName<ResolvedRobustRule> = {
  mean: {},
  median: {},
  trimmed_mean: { trim: number({ least: 0, below: 0.5 }, 0.1) },
  norm_bound: { bound: boundOrMedian, beyond: choice(["scale", "zero"], "scale") },
  krum: { byzantine },
  multi_krum: { byzantine, keep: wholeOrNull },
  bulyan: { byzantine },
  geometric_median: {
    smoothing: number({ above: 0 }, 1e-6),
    iterations: iterations(20),
    tolerance: number({ least: 0 }, 1e-6),
  },
  centred_clipping: { radius: positive, iterations: iterations(3) },
};

/** Checks a rule from outside and fills in its defaults. @throws ShoalError invalid_argument - names the field */
export function parseRobustRule(value: unknown): ResolvedRobustRule {
  return parseNamed<ResolvedRobustRule>("robust", rules, value);
}

/** Fewest clients whose updates the rule can put together: a round needs as many reports. */
export function clientsNeeded(rule: ResolvedRobustRule): number {
  switch (rule.name) {
    case "krum":
      return 2 * rule.byzantine + 3;
    case "multi_krum":
      return Math.max(2 * rule.byzantine + 3, (rule.keep ?? 1) + rule.byzantine);
    case "bulyan":
      return 4 * rule.byzantine + 3;
    default:
      return 1;
  }
}

/** @throws ShoalError too_few_clients - says how many there are and how many are needed */
export function checkClients(rule: ResolvedRobustRule, clients: number): void {
  const needed = clientsNeeded(rule);
  if (clients >= needed) return;
  const lying = "byzantine" in rule ? ` when ${rule.byzantine} may lie` : "";
  const sentence = `${rule.name} of ${counted(clients, "client")}: at least ${counted(needed, "is", "are")} needed${lying}`;
  throw new ShoalError("too_few_clients", sentence, { rule: rule.name, needed, found: clients });
}
