/**
 * Looks ahead for the parameter service: what will become of a push whose header is here and whose payload is not.
 *
 * Boundary  Reads the shard's state between two messages and changes nothing. What it says may be overtaken by the
 *           pushes that come first; the shard itself decides when the push reaches it.
 */
import { consistencyNow } from "./consistency-now.ts";
import { decidePush } from "./consistency.ts";
import { gatherFacts } from "./push-facts.ts";
import { closesEarly, type ShardState } from "./shard-state.ts";

export interface PushHeaderView {
  readonly worker: number;
  readonly incarnation: number;
  readonly sequence: number;
  readonly clock: number;
  readonly batch: number | null;
  readonly batches?: number | undefined;
}

export interface ShardAdmission {
  /**
   * "next": its gradient can be used at once. "later": it has to wait for others. "discard": its gradient will not be
   * used; the shard still wants to be told the push, with an empty gradient, to answer it.
   */
  decide(push: PushHeaderView): "next" | "later" | "discard";
  /** Member whose contribution is folded next; undefined when nobody's has to come first (no synchronous step). */
  frontOwner(): number | undefined;
  /** Calls back when an answer may have changed. @returns ends it */
  onChange(listener: () => void): () => void;
}

export function createShardAdmission(state: ShardState): ShardAdmission {
  return {
    decide: (push) => decide(state, push),
    frontOwner: () => (goesInOrder(state) ? state.roster.ownerMember(state.barrier.frontier) : undefined),
    onChange(listener) {
      state.listeners.add(listener);
      return () => {
        state.listeners.delete(listener);
      };
    },
  };
}

/** Contributions are folded in the order of their slots. */
function goesInOrder(state: ShardState): boolean {
  return consistencyNow(state).mode === "synchronous" && !closesEarly(state.options);
}

function decide(state: ShardState, push: PushHeaderView): "next" | "later" | "discard" {
  if (state.replication !== undefined && state.replication.role !== "primary") return "discard";
  const { batch, batches, clock, sequence, worker, incarnation } = push;
  const sender = { run: state.options.run, worker, incarnation, name: state.roster.nameOf(worker) };
  const slot = batch === null ? state.roster.placeOf(worker) : batch % state.options.slots;
  // The base version is looked at when the push is here: it decides nothing about memory.
  const decision = decidePush(gatherFacts(state, sender, { sequence, clock, batch, batches, baseVersion: 0 }, slot));
  switch (decision.kind) {
    case "apply":
    case "too_stale":
    case "catch_up":
      return "next";
    case "contribute":
      return !goesInOrder(state) || decision.slot === state.barrier.frontier ? "next" : "later";
    case "replace":
      return "later";
    case "await":
    case "duplicate":
    case "stale_clock":
    case "refuse":
      return "discard";
  }
}
