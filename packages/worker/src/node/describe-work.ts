/** Says what a worker does for a run, in the one word that tells best whether others wait for it or it for others. */
import {
  maximumExchangesDescribed,
  maximumPhrase,
  type ExchangeUnderWay,
  type WorkActivity,
  type WorkDescription,
} from "@shoal/protocol";
import type { ClientWait } from "../client/wait-list.ts";
import type { RunPhase } from "./decide-start.ts";
import type { Doing } from "./doings.ts";
import type { HeldRun } from "./held-run.ts";

export interface WorkFacts {
  readonly now: number;
  readonly phase: RunPhase;
  /** Since when the run is held here, ms. */
  readonly heldSinceMs: number;
  /** Why it failed; empty while it has not. */
  readonly failure: string;
  readonly doings: readonly Doing[];
  readonly exchanges: readonly ClientWait[];
  /** Synchronous steps: it owns slots. */
  readonly hasSlots: boolean;
  /** Synchronous steps whose cut the coordinator announces. */
  readonly awaitsCuts: boolean;
}

/** Of a worker that does not hold the run. */
export const absent: WorkDescription = { activity: "absent", detail: "", forMs: null, exchanges: [] };

/** @param now clock time, ms */
export function describeHeld({ session, phase, heldSinceMs, failure, command }: HeldRun, now: number): WorkDescription {
  const { slots, stepCuts } = session.assignment;
  const isSynchronous = command.job.consistency.mode === "synchronous";
  return describeWork({
    now,
    phase,
    heldSinceMs,
    failure: failure?.message ?? "",
    doings: session.doings(),
    exchanges: session.waits(),
    hasSlots: !isSynchronous || slots.length > 0,
    awaitsCuts: isSynchronous && stepCuts !== undefined,
  });
}

/** What a worker does is told by the first of these that is under way: what others wait for before what it waits for. */
const order: readonly WorkActivity[] = [
  "evaluating",
  "computing",
  "with_clients",
  "gated",
  "exchanging",
  "without_lease",
  "asking",
];

export function describeWork(facts: WorkFacts): WorkDescription {
  const exchanges = facts.exchanges.slice(0, maximumExchangesDescribed).map((wait) => underWay(wait, facts.now));
  const { activity, detail, sinceMs } = decideDoing(facts);
  const forMs = sinceMs === null ? null : Math.max(0, facts.now - sinceMs);
  return { activity, detail: detail.slice(0, maximumPhrase), forMs, exchanges };
}

function underWay({ shard, server, reason, sinceMs, attempt }: ClientWait, now: number): ExchangeUnderWay {
  return { shard, server, what: reason.slice(0, maximumPhrase), forMs: Math.max(0, now - sinceMs), attempt };
}

type Decided = Omit<Doing, "sinceMs"> & { readonly sinceMs: number | null };

function decideDoing(facts: WorkFacts): Decided {
  const { phase, heldSinceMs, failure } = facts;
  const found = firstDoing(facts);
  switch (phase) {
    case "failed":
      return { activity: "failed", detail: failure, sinceMs: null };
    case "preparing":
      return { activity: "preparing", detail: "", sinceMs: heldSinceMs };
    case "finishing":
      return found ?? { activity: "writing", detail: "", sinceMs: null };
    case "finished":
      return { activity: "idle", detail: "the model is written", sinceMs: null };
    case "training":
      return found ?? withoutWork(facts);
  }
}

function firstDoing({ doings, exchanges }: WorkFacts): Doing | undefined {
  const oldest = exchanges[0];
  const isHeld = exchanges.some(({ reason }) => reason.includes("pull"));
  const all = [
    // Beyond its gate it computes, whatever its earlier pushes wait for.
    ...doings.map((doing) =>
      doing.activity === "gated" && !isHeld ? { ...doing, activity: "computing" as const } : doing,
    ),
    ...(oldest === undefined
      ? []
      : [{ activity: "exchanging" as const, detail: oldest.reason, sinceMs: oldest.sinceMs }]),
  ];
  const [first] = all.toSorted((a, b) => order.indexOf(a.activity) - order.indexOf(b.activity));
  return first;
}

function withoutWork({ hasSlots, awaitsCuts }: WorkFacts): Decided {
  if (!hasSlots) return { activity: "without_slots", detail: "", sinceMs: null };
  if (awaitsCuts) return { activity: "without_cut", detail: "", sinceMs: null };
  return { activity: "idle", detail: "between two steps, or all of its batches are done", sinceMs: null };
}
