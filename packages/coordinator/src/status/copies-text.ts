/** What people are told of copies that a run does not have. */
import { agreeing, counted } from "@shoal/errors";
import type { RunState } from "../runs/run-state.ts";

/** Names how many shards lack how many of the copies that the run wants; empty when all are there. */
export function copiesText({ seats, copies }: RunState): string {
  const lacking = [...seats.values()].filter(({ replicas }) => replicas.length < copies);
  if (lacking.length === 0) return "";
  const fewest = Math.min(...lacking.map(({ replicas }) => replicas.length));
  const filled = lacking.filter(({ learners }) => learners.length > 0).length;
  const filling = filled === 0 ? "" : ` (${filled} being filled)`;
  return `; ${lacking.length} of ${counted(seats.size, "shard")} ${agreeing(lacking.length, "has", "have")} only ${fewest} of ${counted(copies, "copy", "copies")}${filling}`;
}
