/** From what a job says of central privacy to what its aggregator does: refuses what cannot be kept before anybody trains. */
import { ShoalError } from "@shoal/errors";
import { defaultCountDeviation, noiseBesideCount, type AdaptiveClipping } from "./adaptive-clipping.ts";
import { noiseForBudget } from "./calibration.ts";
import type { PrivacyBudget } from "./privacy-budget.ts";
import type { ResolvedPrivacySpec } from "./privacy-spec.ts";
import type { RoundMechanism } from "./renyi-divergence.ts";

/** A round by Poisson sampling (McMahan et al., ICLR 2018). */
export interface DrawByCoins {
  /** q: the chance of each client. */
  readonly chance: number;
  /** m = q·N, by which the sum is divided whoever comes: the number who came would tell of one of them. */
  readonly expected: number;
}

/** User-level differential privacy with a trusted aggregator. */
export interface CentralPrivacy {
  readonly clip: number;
  readonly noiseMultiplier: number;
  /** Quantile of norms that the clip follows, and how fast; null: the clip stays. */
  readonly adaptive: (AdaptiveClipping & { readonly countDeviation: number }) | null;
  /**
   * Clients that are there at least when a round draws from them: with fewer it waits. Each then is in a round with a known
   * chance, which costs less privacy. null: nothing is assumed of who takes part.
   */
  readonly population: number | null;
  /** Each by a coin of its own, with `plan.draw` the same. Left out: always as many, by lot. */
  readonly coins?: DrawByCoins | undefined;
  readonly budget: PrivacyBudget;
}

export interface CentralRounds {
  /** Rounds of the job, for noise that lasts. */
  readonly rounds: number;
  /** Clients that a round asks, and contributions that it wants. */
  readonly invited: number;
  readonly goal: number;
}

type Central = Extract<ResolvedPrivacySpec, { readonly name: "central" }>;

/** A thousandth more noise than is needed, for a search that ends soon. */
const tolerance = 1e-3;

/** @throws ShoalError invalid_argument - names the field */
export function planCentralPrivacy(spec: Central, { rounds, invited, goal }: CentralRounds): CentralPrivacy {
  const { epsilon, delta, clip, population } = spec;
  const budget = { epsilon, delta };
  const coins = coinsOf(spec, invited);
  const sampling = samplingOf(population, coins, invited);
  const noiseMultiplier =
    spec.noiseMultiplier ?? checked("privacy.epsilon", () => noiseForBudget(budget, rounds, sampling, { tolerance }));
  const adaptive =
    spec.adaptive === null
      ? null
      : {
          ...spec.adaptive,
          countDeviation: spec.adaptive.countDeviation ?? defaultCountDeviation(coins?.expected ?? goal),
        };
  if (adaptive !== null) {
    checked("privacy.adaptive.countDeviation", () => noiseBesideCount(noiseMultiplier, adaptive.countDeviation));
  }
  return { clip, population, budget, coins, noiseMultiplier, adaptive };
}

/** Deviations of the number of clients drawn, above the mean, for which there is room: more come once in 10^9 rounds. */
const deviations = 6;

/** Clients that coins may name in one round. */
export function mostByCoins({ expected }: DrawByCoins): number {
  return Math.ceil(expected + deviations * Math.sqrt(expected)) + 1;
}

function coinsOf({ population, draw }: Central, invited: number): DrawByCoins | undefined {
  if (population === null || draw !== "poisson") return undefined;
  const chance = Math.min(1, invited / population);
  return { chance, expected: chance * population };
}

function samplingOf(
  population: number | null,
  coins: DrawByCoins | undefined,
  invited: number,
): Pick<RoundMechanism, "samplingRate" | "sampling"> {
  if (coins !== undefined) return { samplingRate: coins.chance, sampling: "poisson" };
  if (population === null) return { samplingRate: 1, sampling: "none" };
  return { samplingRate: Math.min(1, invited / population), sampling: "fixed_size" };
}

function checked<T>(field: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ShoalError("invalid_argument", `${field}: ${error.message}`, { field });
  }
}
