/** What each server of a run carries, for people and for measurements. */
import { sizeOf, type ServerLoad } from "@shoal/protocol";
import type { RunState } from "../runs/run-state.ts";
import { loadsOf } from "../seats/balance.ts";
import { weighSeats } from "../seats/plan-moves.ts";

/** Servers listed in a status: keeps it below the limit of a message. */
const maximumListed = 64;

/** By member; a server that holds nothing is listed while it takes part. */
export function serverLoads(run: RunState): readonly ServerLoad[] {
  const servers = run.servers.filter(({ alive }) => alive);
  const members = servers.map(({ member }) => member);
  const loads = loadsOf(weighSeats(run), members);
  const mean = [...loads.values()].reduce((sum, load) => sum + load, 0) / Math.max(1, members.length);
  const listed = servers.toSorted((a, b) => a.member - b.member).slice(0, maximumListed);
  return listed.map(({ member, name }) => {
    const carried = { leads: 0, copies: 0, keys: 0, bytesPerSecond: 0 };
    for (const { shard, primary, replicas, learners } of run.seats.values()) {
      const range = run.assignments.get(shard);
      const leads = primary.member === member;
      if (!leads && [...replicas, ...learners].every((holder) => holder.member !== member)) continue;
      carried.keys += range === undefined ? 0 : sizeOf(range);
      if (leads) {
        carried.leads += 1;
        carried.bytesPerSecond += run.shardTraffic.get(shard)?.bytesPerSecond ?? 0;
      } else carried.copies += 1;
    }
    return { name, ...carried, timesMean: mean === 0 ? 0 : (loads.get(member) ?? 0) / mean };
  });
}
