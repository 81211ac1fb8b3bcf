/**
 * How contributions become one update of the global values, as data. Whatever the policy, the update is
 *
 *   Δ = (Σ weightₖ·Δₖ / Σ shareₖ) · (Σ gainₖ / Σ shareₖ)
 *
 * and policies differ in the three numbers that a contribution is given, in whom they refuse, and in when the buffer is
 * full. With e = the weight of its samples, s = the weight of its staleness:
 *
 *   name       weight        share                    gain     full at   refused
 *   fedavg     e             e                        share    goal      any other base than the present version
 *   fednova    e/aₖ          e                        e·aₖ     goal      the same
 *   qfedavg    L·Fₖ^q        q·Fₖ^(q−1)·‖L·Δₖ‖²+L·Fₖ^q   share    goal      the same
 *   fedbuff    e·s           e, or e·s (normalised)   share    buffer    τ > maximumStaleness
 *   fedasync   α·s           1                        share    1         τ > maximumStaleness
 *
 * Sources  McMahan et al., AISTATS 2017 (FedAvg); Wang et al., NeurIPS 2020 (FedNova: aₖ is the client's
 *          `accumulation`); Li, Sanjabi, Beirami, Smith, ICLR 2020 (q-FFL, algorithm 2: Fₖ is the loss at the values that
 *          were sent out, L = 1/learningRate; q-FedSGD is the same with one local step); Nguyen et al., AISTATS 2022
 *          (FedBuff divides by K; FLSim also has the normalised form); Xie, Koyejo, Gupta 2019 (FedAsync).
 */
import type { Arrival } from "../round/round-plan.ts";
import { choice, number, orNull, parseNamed, type FieldsByName } from "../spec-fields.ts";
import {
  exampleWeight,
  stalenessRule,
  type ExampleWeight,
  type ResolvedStalenessRule,
  type StalenessRule,
} from "./staleness-rule.ts";

/** What policies of rounds have in common. */
interface RoundPolicy {
  /** Contributions that make a round full. */
  readonly goal: number;
  /** Default linear. */
  readonly examples?: ExampleWeight | undefined;
  /** Samples that a contribution counts with at most, whatever it claims. Default 10,000. */
  readonly sampleCap?: number | undefined;
}

export interface FedAvgPolicy extends RoundPolicy {
  readonly name: "fedavg";
}

/** FedAvg whose clients may take different numbers of steps: each update is divided by what its steps add up to. */
export interface FedNovaPolicy extends RoundPolicy {
  readonly name: "fednova";
  /**
   * What a client's steps may add up to; who claims more is refused, because the claim of one moves the whole update.
   * Default 10,000; better: what the task's epochs come to on the greatest admitted number of samples.
   */
  readonly accumulationCap?: number | undefined;
}

/** Clients with a great loss count more. q = 0 is the plain mean of the contributions. */
export interface QFedAvgPolicy {
  readonly name: "qfedavg";
  readonly goal: number;
  /** Default 1. */
  readonly q?: number | undefined;
  /** Of the clients' local steps: 1/L. */
  readonly learningRate: number;
  /** Loss that a contribution counts with at most, whatever it claims. Default null: any. */
  readonly lossCap?: number | null | undefined;
}

export interface FedBuffPolicy {
  readonly name: "fedbuff";
  /** K: contributions that make one update. */
  readonly buffer: number;
  /** Default polynomial with exponent ½. */
  readonly staleness?: StalenessRule | undefined;
  /** Default equal, as in the paper. */
  readonly examples?: ExampleWeight | undefined;
  readonly sampleCap?: number | undefined;
  /** "count" (default): divided by K, as in the paper, so stale buffers move less. "weights": by the sum of weights. */
  readonly divideBy?: "count" | "weights" | undefined;
  /** Default null: none is refused. */
  readonly maximumStaleness?: number | null | undefined;
}

export interface FedAsyncPolicy {
  readonly name: "fedasync";
  /** α. Default 0.6. */
  readonly mixing?: number | undefined;
  /** Default polynomial with exponent ½. */
  readonly staleness?: StalenessRule | undefined;
  /** Default null: none is refused. */
  readonly maximumStaleness?: number | null | undefined;
  /**
   * "models" (default, the paper's): w ← w + α·s·(wₖ − w); for a stale contribution the aggregator must be given what the
   * values have moved since. "updates": w ← w + α·s·Δₖ, which needs no old values, and keeps what others did meanwhile.
   */
  readonly mix?: "models" | "updates" | undefined;
}

export type AggregationPolicy = FedAvgPolicy | FedNovaPolicy | QFedAvgPolicy | FedBuffPolicy | FedAsyncPolicy;

type Filled<T> = {
  readonly [K in keyof T]-?: K extends "staleness" ? ResolvedStalenessRule : Exclude<T[K], undefined>;
};

/** The same with every option present. */
export type ResolvedAggregationPolicy = AggregationPolicy extends infer P
  ? P extends unknown
    ? Filled<P>
    : never
  : never;

const count = number({ least: 1, whole: true });
const sampleCap = number({ least: 1, whole: true }, 10_000);
const halfPower = stalenessRule({ name: "polynomial", exponent: 0.5 });
const maximumStaleness = orNull(number({ least: 0, whole: true }), null);
const averaging = { goal: count, examples: exampleWeight("linear"), sampleCap };

const policies: FieldsByName<ResolvedAggregationPolicy> = {
  fedavg: averaging,
  fednova: { ...averaging, accumulationCap: number({ least: 1 }, 10_000) },
  qfedavg: {
    goal: count,
    q: number({ least: 0 }, 1),
    learningRate: number({ above: 0 }),
    lossCap: orNull(number({ above: 0 }), null),
  },
  fedbuff: {
    buffer: count,
    staleness: halfPower,
    examples: exampleWeight("equal"),
    sampleCap,
    divideBy: choice(["count", "weights"], "count"),
    maximumStaleness,
  },
  fedasync: {
    mixing: number({ above: 0, greatest: 1 }, 0.6),
    staleness: halfPower,
    maximumStaleness,
    mix: choice(["models", "updates"], "models"),
  },
};

/** Checks a policy from outside and fills in its defaults. @throws ShoalError invalid_argument - names the field */
export function parseAggregationPolicy(value: unknown): ResolvedAggregationPolicy {
  return parseNamed<ResolvedAggregationPolicy>("aggregation", policies, value);
}

/** Contributions that make one update. */
export function goalOf(policy: ResolvedAggregationPolicy): number {
  if (policy.name === "fedbuff") return policy.buffer;
  return policy.name === "fedasync" ? 1 : policy.goal;
}

/** Whether clients begin together, or come and go. */
export function arrivalOf({ name }: ResolvedAggregationPolicy): Arrival {
  return name === "fedbuff" || name === "fedasync" ? "buffer" : "round";
}

/** Rounds that a contribution may be behind. */
export function greatestStaleness(policy: ResolvedAggregationPolicy): number {
  return policy.name === "fedbuff" || policy.name === "fedasync" ? (policy.maximumStaleness ?? Infinity) : 0;
}
