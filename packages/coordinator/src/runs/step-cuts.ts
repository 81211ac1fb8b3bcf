/**
 * How the samples of a synchronous step are divided over its slots: each worker's part follows its measured speed.
 *
 * A cut holds from a named step on, and the coordinator promises which cuts hold for the steps below `until`; no worker
 * begins a step beyond that. So all agree on every step without asking, and a take-over computes the same samples. The
 * promise is renewed when half of its steps are done: nobody waits as long as the coordinator is there.
 *
 * Source  The parts that let all workers end at once: sizes ∝ speeds (as in LB-BSP: Chen et al., SoCC 2020).
 */
import type { StepCut, StepCuts } from "@shoal/protocol";
import { shareOut } from "./share-out.ts";

/** Announced cuts, and how the next promise is measured. */
export interface CutState extends StepCuts {
  /** When it was last renewed, and how many steps were done then. */
  readonly renewedAtMs: number;
  readonly renewedAtStep: number;
  /** Steps of the newest promise. */
  readonly length: number;
}

/** Steps of the first promise, when no speed is known. */
const firstLength = 4;
/** Time that a promise should hold, ms. */
const promiseMs = 2000;
/** A promise is at most so many times as long as the one before. */
const growth = 4;
/** A new cut must make a step so much shorter, as a share. */
const worthwhile = 0.02;

export function firstCuts(slots: number, samples: number, now: number): CutState {
  const sizes = Array.from({ length: slots }, () => samples);
  const cuts = [{ fromStep: 0, sizes }];
  return { cuts, until: firstLength, renewedAtMs: now, renewedAtStep: 0, length: firstLength };
}

export interface CutFacts {
  /** Member that owns each slot. */
  readonly owners: readonly number[];
  /** Samples that a member computes in a millisecond; absent: not known. */
  readonly speeds: ReadonlyMap<number, number>;
  /** Steps that all shards have applied. */
  readonly stepsDone: number;
}

/** @returns the state with a renewed promise; the same state while it is not due */
export function renewCuts(state: CutState, facts: CutFacts, now: number): CutState {
  const { stepsDone } = facts;
  if (stepsDone < state.until - state.length / 2) return state;
  const { sizes } = decideSizes({ ...facts, previous: state.cuts.at(-1)?.sizes ?? [] });
  const fresh: StepCut = { fromStep: state.until, sizes };
  const isNew = sizes !== state.cuts.at(-1)?.sizes;
  const known = isNew ? [...state.cuts, fresh] : state.cuts;
  // A cut is over when the next one holds for the steps that are left.
  const cuts = known.filter((_, index) => (known[index + 1]?.fromStep ?? Number.POSITIVE_INFINITY) > stepsDone);
  const rate = (stepsDone - state.renewedAtStep) / Math.max(1, now - state.renewedAtMs);
  const length = Math.min(growth * state.length, Math.max(firstLength, Math.ceil(rate * promiseMs)));
  return { cuts, until: state.until + length, length, renewedAtMs: now, renewedAtStep: stepsDone };
}

export interface SizesDecision {
  readonly kind: "keep" | "change";
  /** Samples of each slot, at least 1, with the same sum as before. */
  readonly sizes: readonly number[];
  readonly reason: string;
}

/** Decides the parts of a step; those of a member's slots are equal up to a sample. @param facts.previous sizes so far, each at least 1 */
export function decideSizes(
  facts: Omit<CutFacts, "stepsDone"> & { readonly previous: readonly number[] },
): SizesDecision {
  const { owners, previous } = facts;
  const speeds = completeSpeeds(facts);
  if (speeds === undefined) return { kind: "keep", sizes: previous, reason: "no speed is known" };
  const total = previous.reduce((sum, size) => sum + size, 0);
  const slots = Map.groupBy(owners.keys(), (slot) => owners[slot] ?? 0);
  const samples = shareOut(
    [...slots.keys()],
    total,
    (owner) => 1 / (speeds.get(owner) ?? 1),
    (owner) => slots.get(owner)?.length ?? 1,
  );
  const sizes = owners.map((owner, slot) => {
    const own = slots.get(owner) ?? [slot];
    const place = own.indexOf(slot);
    const part = (upTo: number): number => Math.floor(((samples.get(owner) ?? 0) * upTo) / own.length);
    return part(place + 1) - part(place);
  });
  const before = stepMs(owners, speeds, previous);
  const after = stepMs(owners, speeds, sizes);
  const said = `a step takes ${before.toFixed(1)} ms of computing, and would take ${after.toFixed(1)} ms`;
  return after <= (1 - worthwhile) * before
    ? { kind: "change", sizes, reason: said }
    : { kind: "keep", sizes: previous, reason: said };
}

/** The speed of each owner; the median where it is not known. Undefined when none is. */
function completeSpeeds({ owners, speeds }: Pick<CutFacts, "owners" | "speeds">): Map<number, number> | undefined {
  const known = owners.flatMap((owner) => speeds.get(owner) ?? []).toSorted((a, b) => a - b);
  const median = known[Math.floor(known.length / 2)];
  if (median === undefined) return undefined;
  return new Map(owners.map((owner) => [owner, speeds.get(owner) ?? median]));
}

/** Computing time of the member that takes longest. */
function stepMs(owners: readonly number[], speeds: ReadonlyMap<number, number>, sizes: readonly number[]): number {
  const samples = new Map<number, number>();
  for (const [slot, owner] of owners.entries()) samples.set(owner, (samples.get(owner) ?? 0) + (sizes[slot] ?? 0));
  return Math.max(0, ...[...samples].map(([owner, count]) => count / (speeds.get(owner) ?? 1)));
}
