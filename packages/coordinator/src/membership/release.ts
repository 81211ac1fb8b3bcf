/** When a member that wants to leave may do so. */
import type { ClusterState } from "../cluster-state.ts";
import { isInSeat, type ServerLife } from "../seats/seat.ts";
import { isUnderWay, takesPart, type RunState } from "../runs/run-state.ts";

/** Nothing depends on it any more: it is in no seat and has no work. False for one that wants to stay. */
export function isReleased(cluster: ClusterState, life: ServerLife): boolean {
  if (cluster.membership.members.get(life.member)?.leaving !== true) return false;
  return [...cluster.runs.values()].filter(isUnderWay).every((run) => !isNeeded(run, life));
}

function isNeeded(run: RunState, life: ServerLife): boolean {
  return takesPart(run, life) !== undefined || [...run.seats.values()].some((seat) => isInSeat(seat, life));
}
