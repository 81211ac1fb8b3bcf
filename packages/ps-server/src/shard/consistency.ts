/**
 * When a shard applies a push and answers a pull: pure decisions for the three modes.
 *
 * Synchronous  Step c makes version c + 1 out of version c and consists of one contribution a slot. A push belongs to
 *              the step of its clock; its slot is its batch number mod slots. A pull at clock c is answered with
 *              version c (a late one with a later version, and its worker goes on from there).
 * Bounded      A push is applied as it comes. A pull at clock c waits until no live worker's clock is below c − s
 *              (stale synchronous parallel: Ho et al., NIPS 2013). A worker's own pushes come before its pulls on its
 *              link, so it reads its own writes; it never waits for itself.
 * Asynchronous Pushes are applied, pulls answered as they come.
 */
import type { ErrorCode } from "@shoal/errors";
import type { Consistency } from "@shoal/protocol";
import type { Sighting } from "./duplicate-filter.ts";

/** How far a slot of the current step has come. */
export type SlotFill =
  | "empty"
  /** A contribution waits for those before it; its gradient is still borrowed from its sender. */
  | "staged"
  /** Its gradient is in the sum: it counts, whatever happens to its sender. */
  | "folded";

/** A push, and what the shard knows about it. */
export interface PushFacts {
  readonly consistency: Consistency;
  readonly initialized: boolean;
  readonly version: number;
  readonly slots: number;
  readonly clock: number;
  readonly baseVersion: number;
  readonly batch: number | null;
  /** Batches from `batch` on that the push stands for. */
  readonly batches: number;
  readonly sighting: Sighting;
  /** Why the sender may not push; undefined when it may. */
  readonly refusal: string | undefined;
  /** Synchronous mode: where the contribution belongs; undefined when nowhere. */
  readonly slot: number | undefined;
  readonly slotFill: SlotFill;
  /** Other modes: how many of the batches have been applied already. */
  readonly batchesCounted: number;
  /** Other modes: the greatest staleness that is applied; null for any. */
  readonly stalenessBound: number | null;
  /** Pushes of the sender that were too stale, in a row. */
  readonly tooStaleInRow: number;
  /** The newest updates may be missing here although they were acknowledged: so many at most. */
  readonly lostAtMost: number;
  /** The filters can remember one more worker and one more batch. */
  readonly hasRoom: boolean;
}

export type PushDecision =
  | { readonly kind: "apply"; readonly reason: string }
  | { readonly kind: "contribute"; readonly slot: number; readonly reason: string }
  /** The slot holds a contribution that is not folded yet: take this one's equal gradient instead. */
  | { readonly kind: "replace"; readonly slot: number; readonly reason: string }
  /** The slot is folded: the gradient is not needed, the reply comes with the step. */
  | { readonly kind: "await"; readonly slot: number; readonly reason: string }
  /** `of` the batch: another push brought it; else this one was counted, or passed over, before. */
  | { readonly kind: "duplicate"; readonly of?: "batch"; readonly version: number; readonly reason: string }
  | { readonly kind: "stale_clock"; readonly reason: string }
  | { readonly kind: "too_stale"; readonly reason: string }
  /** Updates up to this version were lost with a primary: make up for them, then decide again. */
  | { readonly kind: "catch_up"; readonly version: number; readonly reason: string }
  | { readonly kind: "refuse"; readonly code: ErrorCode; readonly reason: string };

const refuse = (code: ErrorCode, reason: string): PushDecision => ({ kind: "refuse", code, reason });

export function decidePush(facts: PushFacts): PushDecision {
  const { sighting, version } = facts;
  if (facts.refusal !== undefined) return refuse("not_a_member", facts.refusal);
  if (!facts.initialized) return refuse("invalid_argument", "the shard has no values yet: initialize or pull first");
  if (sighting.kind === "older_incarnation") {
    return refuse("not_a_member", `a push of incarnation ${sighting.known} has come since`);
  }
  if (sighting.kind === "counted") {
    return { kind: "duplicate", version: sighting.version ?? version, reason: "this sequence number counted already" };
  }
  if (sighting.kind === "below_window") {
    return refuse("invalid_argument", `its sequence number is below ${sighting.lowest}: too old to tell`);
  }
  if (facts.baseVersion > version) return decideAhead(facts, facts.baseVersion, "base version");
  if (!facts.hasRoom) return refuse("no_capacity", "the filter of batches and workers is full");
  return facts.consistency.mode === "synchronous" ? decideContribution(facts) : decideApply(facts);
}

/** Who is ahead of the shard has seen what it lost, or is wrong. */
function decideAhead({ version, lostAtMost }: PushFacts, seen: number, what: string): PushDecision {
  if (seen - version > lostAtMost) {
    return refuse("invalid_argument", `${what} ${seen} is ahead of version ${version}`);
  }
  return { kind: "catch_up", version: seen, reason: `the updates up to version ${seen} were lost with a primary` };
}

function decideApply(facts: PushFacts): PushDecision {
  const { batch, batches, batchesCounted } = facts;
  if (batchesCounted >= batches && batch !== null) {
    return { kind: "duplicate", of: "batch", version: facts.version, reason: `batch ${batch} counted already` };
  }
  // Others take them one by one only where the sender was given up: it learns here what it has not heard yet.
  if (batchesCounted > 0) {
    return refuse("not_a_member", `somebody else took over some of the ${batches} batches from ${batch} on`);
  }
  const staleness = facts.version - facts.baseVersion;
  const allowed = allowedStaleness(facts);
  if (staleness <= allowed) return { kind: "apply", reason: "applied as it comes" };
  return { kind: "too_stale", reason: `staleness ${staleness}, at most ${allowed} is applied` };
}

/**
 * What the bound allows this sender. Each rejection in a row doubles it: a worker that is slower than the others move
 * on would otherwise compute the same batch for ever.
 */
function allowedStaleness({ stalenessBound, tooStaleInRow }: PushFacts): number {
  return stalenessBound === null ? Number.POSITIVE_INFINITY : (stalenessBound + 1) * 2 ** tooStaleInRow - 1;
}

function decideContribution(facts: PushFacts): PushDecision {
  const { clock, version, slot, batch, batches, slots } = facts;
  if (batches !== 1) return refuse("invalid_argument", `a contribution to a step is one batch, not ${batches}`);
  if (clock < version) return { kind: "stale_clock", reason: `step ${clock} is over, the shard is at ${version}` };
  if (clock > version) return decideAhead(facts, clock, "clock");
  if (batch !== null && Math.floor(batch / slots) !== clock) {
    return refuse("invalid_argument", `batch ${batch} is no part of step ${clock} with ${slots} slots`);
  }
  if (slot === undefined || slot >= slots) {
    return refuse("invalid_argument", `a push without a batch has no slot of its own among ${slots}`);
  }
  switch (facts.slotFill) {
    case "empty":
      return { kind: "contribute", slot, reason: `slot ${slot} of step ${clock}` };
    case "staged":
      return { kind: "replace", slot, reason: `slot ${slot} of step ${clock} waits with an equal gradient` };
    case "folded":
      return { kind: "await", slot, reason: `slot ${slot} of step ${clock} is in the sum already` };
  }
}

/** A pull, and what the shard knows about it. The lists are asked for only when the pull has to wait. */
export interface PullFacts {
  readonly consistency: Consistency;
  readonly initialized: boolean;
  readonly version: number;
  /** The worker's clock in its own count. */
  readonly clock: number;
  /** The same in the shard's count (bounded mode); undefined for a reader that takes no part. */
  readonly position: number | undefined;
  /** Names of the run's workers. */
  workers(): readonly string[];
  /** Names of those whose contribution to the current step has not come. */
  missing(): readonly string[];
  /** Names of the live workers below a clock, slowest first. */
  below(clock: number): readonly string[];
}

export type PullDecision =
  | { readonly kind: "answer"; readonly reason: string }
  | { readonly kind: "wait"; readonly waitingFor: readonly string[]; readonly reason: string };

export function decidePull(facts: PullFacts): PullDecision {
  if (!facts.initialized) return wait(facts.workers(), "initial values");
  const { consistency, version, clock, position } = facts;
  switch (consistency.mode) {
    case "asynchronous":
      return { kind: "answer", reason: "answered as it comes" };
    case "synchronous":
      if (version >= clock) return { kind: "answer", reason: `version ${version} is there` };
      return wait(facts.missing(), `the contribution to step ${version}`);
    case "bounded": {
      if (position === undefined) return { kind: "answer", reason: "a reader that takes no part is not held" };
      const needed = position - consistency.staleness;
      const slower = needed <= 0 ? [] : facts.below(needed);
      if (slower.length === 0) return { kind: "answer", reason: `no live worker is below clock ${needed}` };
      return wait(slower, `clock ${needed}`);
    }
  }
}

function wait(waitingFor: readonly string[], what: string): PullDecision {
  return { kind: "wait", waitingFor, reason: `${what} of ${listNames(waitingFor)}` };
}

/** "worker-1, worker-2 and 3 more": at most four names, for sentences that people read. */
export function listNames(names: readonly string[]): string {
  if (names.length === 0) return "any worker";
  const shown = names.length > 4 ? names.slice(0, 3) : names;
  const rest = names.length - shown.length;
  return shown.join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
