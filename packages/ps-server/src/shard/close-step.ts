/** Closes a synchronous step early, where the job has backup workers or lets a shard predict what waiting is worth. */
import { applyStep } from "./apply.ts";
import { consistencyNow } from "./consistency-now.ts";
import { decideWaiting } from "./predicted-waiting.ts";
import { closesEarly, type ShardState } from "./shard-state.ts";

/** Called after each contribution and when it is time to look again. @param now clock time, ms */
export function considerClosing(state: ShardState, now: number): void {
  const { arrivals, barrier, options } = state;
  if (!closesEarly(options) || consistencyNow(state).mode !== "synchronous") return;
  const missing = barrier.empty(options.slots);
  if (missing.length === 0 || missing.length === options.slots) return;
  if (missing.length <= options.backup) {
    applyStep(state, now); // the quorum of S − k (Chen et al. 2016)
    return;
  }
  const openedAtMs = arrivals?.openedAtMs;
  if (arrivals === undefined || openedAtMs === undefined) return;
  const decision = decideWaiting({
    elapsedMs: now - openedAtMs,
    slots: options.slots,
    arrived: options.slots - missing.length,
    missing: missing.map((slot) => arrivals.usual(slot)),
  });
  if (decision.kind === "close") applyStep(state, now);
  else if (decision.lookAgainMs !== undefined) state.lookAgain?.(decision.lookAgainMs);
}
