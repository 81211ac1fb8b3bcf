/** Goes on with the round of the aggregator before this one. */
import { isEnded, type Report, type RoundState, type RoundStep } from "@shoal/federated";
import type { TaskRecord } from "../keeper/task-record.ts";
import type { Room } from "../serve/room.ts";
import { abandon } from "./end-round.ts";

/**
 * Contributions were with the aggregator before this one: their clients are asked again. Masked ones nobody has any more.
 * Of a round that was being put together nobody knows whether it is in the values: which step is asked for next says so.
 */
export function takeOver(room: Room, resumed: RoundStep): void {
  if (room.secure !== null && isMasked(resumed.state)) takeOverMasked(room, resumed);
  else askAgain(room, resumed);
}

function isMasked({ phase }: RoundState): boolean {
  return phase === "reporting" || phase === "committing";
}

/** Its clients hear that it is over, and may be in the next one. What is on its way to the servers may have come there. */
function takeOverMasked(room: Room, { state }: RoundStep): void {
  if (state.phase === "reporting") room.keeper.adopt(abandon(room, "its secure sum was lost with its aggregator"));
  else room.keeper.adopt({ state, effects: [], reason: "its secure sum was lost with its aggregator" });
}

function askAgain({ keeper, control }: Room, resumed: RoundStep): void {
  const pending = resumed.effects.filter(({ type }) => type !== "commit" && type !== "accept_report");
  keeper.adopt({ ...resumed, effects: pending });
  if (resumed.state.phase !== "committing") loseContributions({ keeper, control });
}

/** The clients of the open round are asked for their contributions again. */
export function loseContributions({ keeper, control }: Pick<Room, "keeper" | "control">): void {
  const reports = reportsOf(keeper.record.round);
  if (reports.length === 0) return;
  control?.uncount(reports);
  const lost = reports.map(({ contribution }) => contribution);
  keeper.amend({ outcomes: without(keeper.record, lost) });
  keeper.dispatch({ type: "contributions_lost" });
}

/** Outcomes of contributions that have to come again are forgotten: else they would be duplicates. */
export function without({ outcomes }: TaskRecord, contributions: readonly string[]): TaskRecord["outcomes"] {
  const lost = new Set(contributions);
  return outcomes.filter(([id]) => !lost.has(id));
}

/** Contributions that were taken, and are not committed. */
export function reportsOf(state: RoundState): readonly Report[] {
  if (isEnded(state)) return state.carried.reports;
  if (state.phase === "committing") return [...state.reports, ...state.carried.reports];
  return state.phase === "selecting" ? [] : state.reports;
}
