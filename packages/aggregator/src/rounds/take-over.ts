/** Goes on with the round of the aggregator before this one. */
import { isEnded, type Report, type RoundStep } from "@shoal/federated";
import type { TaskRecord } from "../keeper/task-record.ts";
import type { Room } from "../serve/room.ts";

/** Contributions were with the aggregator before this one: their clients are asked again. */
export function takeOver({ keeper }: Room, resumed: RoundStep): void {
  const lost = reportsOf(resumed).map(({ contribution }) => contribution);
  const pending = resumed.effects.filter(({ type }) => type !== "commit" && type !== "accept_report");
  keeper.adopt({ ...resumed, effects: pending }, { outcomes: without(keeper.record, lost) });
  if (lost.length > 0) keeper.dispatch({ type: "contributions_lost" });
}

/** Outcomes of contributions that have to come again are forgotten: else they would be duplicates. */
export function without({ outcomes }: TaskRecord, contributions: readonly string[]): TaskRecord["outcomes"] {
  const lost = new Set(contributions);
  return outcomes.filter(([id]) => !lost.has(id));
}

function reportsOf({ state }: RoundStep): readonly Report[] {
  if (isEnded(state)) return state.carried.reports;
  if (state.phase === "committing") return [...state.reports, ...state.carried.reports];
  return state.phase === "selecting" ? [] : state.reports;
}
