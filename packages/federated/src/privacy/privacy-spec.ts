/**
 * What a task promises of its clients' privacy, as data.
 *
 *   central   the aggregator clips and adds noise: it is trusted, whoever sees the model is not
 *   local     each client clips and adds noise itself: nobody is trusted
 *   secure_sum   clients mask their updates, and add their part of the noise if ε is given: the aggregator sees sums
 *
 * ε and δ are of one client: of all its data in all rounds (central, secure_sum), of one contribution (local, whose `budget` is of
 * all its contributions).
 */
import { choice, number, orNull, parseNamed, type Field, type FieldsByName } from "../spec-fields.ts";
import { defaultAdaptiveClipping, defaultInitialClip, type AdaptiveClipping } from "./adaptive-clipping.ts";
import { ShoalError } from "@shoal/errors";
import type { ThreatModel } from "../secure/graph-parameters.ts";
import type { Curve } from "../secure/key-agreement.ts";
import { defaultLevels } from "../secure/lattice.ts";

export interface CentralPrivacySpec {
  readonly name: "central";
  /** No round is begun that would bring the whole run above this. */
  readonly epsilon: number;
  /** Well below 1 / the number of clients. */
  readonly delta: number;
  /** Norm that updates are clipped to; where it adapts, the first one. Default 0.1. */
  readonly clip?: number | undefined;
  /** Deviation of the noise over `clip`. Default null: the least that lasts for all rounds of the job. */
  readonly noiseMultiplier?: number | null | undefined;
  /** The clip follows a quantile of the norms. Default null: it stays. */
  readonly adaptive?: Partial<AdaptiveClipping & { readonly countDeviation: number | null }> | null | undefined;
  /** Clients that are there at least when a round draws from them; with fewer it waits. Default null: nothing is assumed. */
  readonly population?: number | null | undefined;
  /**
   * How a round draws from the population. poisson (default): each client by a coin of its own. fixed: always as many, by lot,
   * for which the accountant knows a weaker bound.
   */
  readonly draw?: "poisson" | "fixed" | undefined;
}

export interface LocalPrivacySpec {
  readonly name: "local";
  /** Of one contribution. */
  readonly epsilon: number;
  readonly delta: number;
  readonly clip: number;
  /** ε that all contributions of one client may come to, at `delta`. Default null: it is told, and nothing ends with it. */
  readonly budget?: number | null | undefined;
}

export interface SecureSumSpec {
  readonly name: "secure_sum";
  /** Norm that whole updates are clipped to. */
  readonly clip: number;
  /** Values that an element of an update can have: odd. Default 2^16 + 1. */
  readonly levels?: number | undefined;
  /** Samples that a client counts with at most. Default 1: all count alike, as they have to with noise. */
  readonly weightCap?: number | undefined;
  /** Share of a round's clients that work with the server. Default 0.1. */
  readonly adversarialShare?: number | undefined;
  /** Share that leaves, in all stages together. Default 0.3. */
  readonly dropOutShare?: number | undefined;
  readonly server?: ThreatModel["server"] | undefined;
  readonly curve?: Curve | undefined;
  /** How long keys, shares, and the secrets that take the masks off are waited for, each. Default 30. */
  readonly stageSeconds?: number | undefined;
  /** With both of these clients add noise. Default null: sums are exact. */
  readonly epsilon?: number | null | undefined;
  readonly delta?: number | null | undefined;
  /** Of the sum. Default null: the least that lasts for all rounds of the job. */
  readonly noiseMultiplier?: number | null | undefined;
}

export type PrivacySpec = CentralPrivacySpec | LocalPrivacySpec | SecureSumSpec;

export interface ResolvedAdaptive extends AdaptiveClipping {
  /** null: a twentieth of the clients that a round expects. */
  readonly countDeviation: number | null;
}

type Filled<T> = {
  readonly [K in keyof T]-?: K extends "adaptive" ? ResolvedAdaptive | null : Exclude<T[K], undefined>;
};

export type ResolvedPrivacySpec = PrivacySpec extends infer S ? (S extends unknown ? Filled<S> : never) : never;

const positive = number({ above: 0 });
const delta = number({ above: 0, below: 1 });

const adaptive: Field<ResolvedAdaptive | null> = (value, path) => {
  if (value === undefined || value === null) return null;
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new ShoalError("invalid_argument", `${path}: expected an object or null`, { field: path });
  }
  const given = value as Readonly<Record<string, unknown>>;
  const { quantile, learningRate, rule } = defaultAdaptiveClipping;
  return {
    quantile: number({ above: 0, below: 1 }, quantile)(given["quantile"], `${path}.quantile`),
    learningRate: number({ above: 0 }, learningRate)(given["learningRate"], `${path}.learningRate`),
    rule: choice(["geometric", "linear"], rule)(given["rule"], `${path}.rule`),
    countDeviation: orNull(positive, null)(given["countDeviation"], `${path}.countDeviation`),
  };
};

const specs: FieldsByName<ResolvedPrivacySpec> = {
  central: {
    epsilon: positive,
    delta,
    clip: number({ above: 0 }, defaultInitialClip),
    noiseMultiplier: orNull(positive, null),
    adaptive,
    population: orNull(number({ least: 1, whole: true }), null),
    draw: choice(["poisson", "fixed"], "poisson"),
  },
  local: { epsilon: positive, delta, clip: positive, budget: orNull(positive, null) },
  secure_sum: {
    clip: positive,
    levels: number({ least: 3, greatest: 2 ** 31, whole: true }, defaultLevels),
    weightCap: number({ least: 1, greatest: 2 ** 20, whole: true }, 1),
    adversarialShare: number({ least: 0, below: 1 }, 0.1),
    dropOutShare: number({ least: 0, below: 1 }, 0.3),
    server: choice(["curious", "semi_malicious"], "semi_malicious"),
    curve: choice(["P-256", "X25519"], "P-256"),
    stageSeconds: number({ above: 0, greatest: 86_400 }, 30),
    epsilon: orNull(positive, null),
    delta: orNull(delta, null),
    noiseMultiplier: orNull(positive, null),
  },
};

/** Checks a specification from outside and fills in its defaults. @throws ShoalError invalid_argument - names the field */
export function parsePrivacy(value: unknown): ResolvedPrivacySpec {
  return parseNamed<ResolvedPrivacySpec>("privacy", specs, value);
}
