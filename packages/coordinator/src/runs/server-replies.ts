/** What the answers of servers mean to a run. All are idempotent. */
import { errorTable } from "@shoal/errors";
import type { ServerReply } from "@shoal/protocol";
import { noteShards } from "../guard/watch-run.ts";
import { failWith } from "./end-run.ts";
import { isUnderWay, withServer, type RunState } from "./run-state.ts";

export function serverReplied(run: RunState, reply: ServerReply, now: number): RunState {
  const server = run.servers.find((each) => each.name === reply.node && each.alive);
  if (server === undefined) return run;
  switch (reply.type) {
    case "shards_hosted": {
      if (reply.term !== run.placement?.term) return run;
      const confirmedRevision = Math.max(server.confirmedRevision, server.invitedRevision ?? 0);
      return withServer(run, { ...server, hosted: true, confirmedRevision });
    }
    case "hosting_failed": {
      if (!isUnderWay(run)) return run;
      const again = errorTable[reply.error.code].retry === "after_backoff";
      return again ? { ...run, lastFailure: reply.error } : failWith(run, server.name, reply.error, now);
    }
    case "members_updated": {
      const confirmedRevision = Math.max(server.confirmedRevision, reply.revision);
      return withServer(run, { ...server, confirmedRevision });
    }
    case "shards_seated":
    case "learner_caught_up":
      return run;
    case "run_released":
      return isUnderWay(run) ? run : withServer(run, { ...server, released: true });
    case "shards_described":
      return isUnderWay(run) ? noteShards(run, reply.shards) : run;
  }
}
