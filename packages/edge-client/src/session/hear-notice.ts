/** What a session makes of what it is told without having asked. Any notice may be lost, or come late. */
import { ShoalError } from "@shoal/errors";
import type { ClientNotice } from "@shoal/federated";
import type { SessionState } from "./session-state.ts";

export function hearNotice(state: SessionState, notice: ClientNotice): void {
  const playing = state.round?.number;
  switch (notice.type) {
    case "round_offered":
      if (notice.offer.round === playing) return;
      // Only who is idle is asked: the round that is being played is over, and its notice was lost.
      if (playing !== undefined && notice.offer.round > playing) endRound(state, "another round has begun");
      state.offer = notice.offer;
      break;
    case "offer_again":
      if (notice.round === playing) return;
      state.againForRound = notice.round;
      break;
    case "round_over":
      if (notice.round === playing) endRound(state, notice.reason);
      return;
    case "rounds_closed":
      for (const summary of notice.summaries) state.options.onEvent?.({ type: "round_closed", summary });
      return;
    case "task_over":
      state.over = notice;
      endRound(state, notice.reason);
      break;
    case "aggregator_here":
      state.hereWithinMs = notice.withinMs;
      state.plane.askAgain();
      break;
    case "secure_notice":
      if (notice.round === playing) state.round?.hearSecure?.(notice);
      return;
  }
  state.wake?.();
}

/** Stops the work on the round that is being played. */
export function endRound({ round }: SessionState, reason: string): void {
  round?.abort.abort(new ShoalError("cancelled", reason));
}
