/** When a run is to be written down, and in which version: pure decisions. */
import type { SnapshotSettings } from "@shoal/protocol";

export interface SnapshotFacts {
  /** The job's; null: only when somebody asks. */
  readonly settings: SnapshotSettings | null;
  readonly isWanted: boolean;
  readonly isSynchronous: boolean;
  /** Steps that all shards have applied, as far as it is known (synchronous); batches that are done (else). */
  readonly stepsDone: number;
  readonly totalSteps: number;
  /** Steps in a millisecond; 0 where it is not known. */
  readonly stepsPerMs: number;
  readonly lastStep: number;
  readonly sinceLastMs: number;
  readonly lead: number;
  /** Nobody computes: the version that is there stays. */
  readonly isIdle: boolean;
}

export type SnapshotDecision =
  | { readonly kind: "wait"; readonly reason: string }
  /** @param version null: each shard in its own, at once */
  | { readonly kind: "begin"; readonly version: number | null; readonly reason: string };

/** A version is named so much time ahead, ms: reports are late, and the command needs its way. */
const aheadMs = 100;
export const maximumLead = 16;

export function decideSnapshot(facts: SnapshotFacts): SnapshotDecision {
  const reason = dueReason(facts);
  if (!facts.isSynchronous) {
    return reason === undefined ? { kind: "wait", reason: "none is due" } : { kind: "begin", version: null, reason };
  }
  const ahead = facts.isIdle ? 0 : (1 + Math.ceil(facts.stepsPerMs * aheadMs)) * facts.lead;
  const earliest = facts.stepsDone + ahead;
  if (reason !== undefined) return beginAt(facts, earliest, reason);
  const every = facts.settings?.everySteps ?? null;
  if (every === null) return { kind: "wait", reason: "none is due" };
  const next = (Math.floor(facts.lastStep / every) + 1) * every;
  if (next > earliest + ahead) return { kind: "wait", reason: `the next is due in step ${next}` };
  return beginAt(facts, Math.max(next, Math.ceil(earliest / every) * every), `every ${every} steps`);
}

/** The version that the run ends with is written as its model. */
function beginAt({ totalSteps }: SnapshotFacts, version: number, reason: string): SnapshotDecision {
  if (version >= totalSteps) return { kind: "wait", reason: `the run ends in step ${totalSteps}` };
  return { kind: "begin", version, reason };
}

/** What is due at once; steps of a synchronous run are named ahead instead. */
function dueReason(facts: SnapshotFacts): string | undefined {
  const { settings, isWanted, sinceLastMs, stepsDone, lastStep, isSynchronous } = facts;
  if (isWanted) return "it was asked for";
  if (settings === null) return undefined;
  const { everySeconds, everySteps } = settings;
  if (everySeconds !== null && sinceLastMs >= 1000 * everySeconds) return `every ${everySeconds} s`;
  if (!isSynchronous && everySteps !== null && stepsDone - lastStep >= everySteps) return `every ${everySteps} updates`;
  return undefined;
}

/** After a version that shards had passed already the next one is named further ahead. */
export function longerLead(lead: number): number {
  return Math.min(maximumLead, 2 * lead);
}
