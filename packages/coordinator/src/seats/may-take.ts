/** Whether a server could take a copy of a shard, as far as is known. */
import type { ShardSeat } from "@shoal/protocol";
import { deadLine } from "../membership/dead-lines.ts";
import type { MembershipState } from "../membership/membership.ts";
import type { RunState } from "../runs/run-state.ts";
import { sameServer, type ServerLife } from "./seat.ts";
import { isSetAside } from "./watch-learners.ts";

/** False where it has refused copies of this run or was given up as too slow a short while ago, or somebody who needs it cannot reach it. */
export function mayTake(
  run: RunState,
  { primary }: ShardSeat,
  server: ServerLife,
  { deadLines }: MembershipState,
  now: number,
): boolean {
  if (isSetAside(run, server, now)) return false;
  if (run.servers.some((known) => known.refuses && sameServer(known, server))) return false;
  if (deadLines.size === 0) return true;
  // It takes no copy until that is long ago.
  return [primary.member, ...run.workers.keys()].every((from) => deadLine(deadLines, from, server, now) === undefined);
}
