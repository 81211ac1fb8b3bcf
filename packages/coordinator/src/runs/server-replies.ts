/** What the answers of servers mean to a run. All are idempotent. */
import { errorTable } from "@shoal/errors";
import type { ServerReply, ShardSummary } from "@shoal/protocol";
import { noteShards } from "../guard/watch-run.ts";
import { failWith } from "./end-run.ts";
import { onlyLearns, unhosted } from "../seats/run-seats.ts";
import { noteTraffic } from "../seats/shard-traffic.ts";
import { isInSeat, sameServer } from "../seats/seat.ts";
import { notePartialCopies } from "../seats/watch-learners.ts";
import { savingReplied } from "../snapshots/snapshot-replies.ts";
import { noteApplied } from "./lost-batches.ts";
import { isUnderWay, withServer, type RunServer, type RunState } from "./run-state.ts";

export function serverReplied(run: RunState, reply: ServerReply, now: number): RunState {
  const server = run.servers.find((each) => each.name === reply.node && each.alive);
  if (server === undefined) return run;
  switch (reply.type) {
    case "shards_hosted": {
      if (reply.term !== run.hostingTerm) return run;
      const confirmedRevision = Math.max(server.confirmedRevision, server.invitedRevision ?? 0);
      const seats = reply.seats ?? unhosted(run, server).map(({ shard }) => ({ shard, term: run.hostingTerm }));
      return withServer(run, { ...knowsSeats(run, server, seats), confirmedRevision });
    }
    case "hosting_failed": {
      // A process after the one that hosted knows nothing of the run: its joining says what follows.
      if (!isUnderWay(run) || reply.error.code === "run_not_found") return run;
      const again = errorTable[reply.error.code].retry === "after_backoff";
      // A copy that cannot be made must not end what goes on without it.
      if (!again && onlyLearns(run, server)) {
        return withServer({ ...run, lastFailure: reply.error }, { ...server, refuses: true });
      }
      return again ? { ...run, lastFailure: reply.error } : failWith(run, server.name, reply.error, now);
    }
    case "members_updated": {
      const confirmedRevision = Math.max(server.confirmedRevision, reply.revision);
      return withServer(run, { ...server, confirmedRevision });
    }
    case "shards_seated":
      return withServer(run, without(knowsSeats(run, server, reply.seats), reply.missing ?? []));
    case "learner_caught_up":
      return caughtUp(run, server, reply.shard, reply.term, [reply.member]);
    case "run_released":
      return isUnderWay(run) ? run : withServer(run, { ...server, released: true });
    case "shards_saved":
    case "saving_failed":
      return savingReplied(run, reply);
    case "shards_described":
      if (!isUnderWay(run)) return run;
      return noteTraffic(
        noteShards(
          notePartialCopies(
            noteCopies(noteApplied(run, reply.shards), server, reply.shards),
            server,
            reply.shards,
            now,
          ),
          reply.shards,
        ),
        reply.shards,
        now,
      );
  }
}

interface SeatTerm {
  readonly shard: number;
  readonly term: number;
}

/** The server has said which seats it knows. One that does not name it any more is the end of its copy. */
function knowsSeats(run: RunState, server: RunServer, seats: readonly SeatTerm[]): RunServer {
  const known = new Map(server.known);
  for (const { shard, term } of seats) {
    const seat = run.seats.get(shard);
    if (seat === undefined) continue;
    if (term >= seat.term && !isInSeat(seat, server)) known.delete(shard);
    else known.set(shard, Math.max(term, known.get(shard) ?? 0));
  }
  return { ...server, known };
}

/**
 * The server has said which copies it does not hold: what it knows of a seat that it has left proves nothing once a newer
 * seat names it again.
 */
function without(server: RunServer, missing: readonly number[]): RunServer {
  if (missing.length === 0) return server;
  const known = new Map(server.known);
  for (const shard of missing) known.delete(shard);
  return { ...server, known };
}

/** Only the primary of the seat as it is now can say who has everything. */
function caughtUp(run: RunState, server: RunServer, shard: number, term: number, members: readonly number[]): RunState {
  const seat = run.seats.get(shard);
  if (seat === undefined || seat.term !== term || !sameServer(seat.primary, server)) return run;
  const before = run.caughtUp.get(shard);
  const known = before?.term === term ? before.members : new Set<number>();
  if (members.every((member) => known.has(member))) return run;
  const next = new Map(run.caughtUp).set(shard, { term, members: new Set([...known, ...members]) });
  return { ...run, caughtUp: next };
}

/** How far each copy is, and which learners are complete. */
function noteCopies(run: RunState, server: RunServer, shards: readonly ShardSummary[]): RunState {
  const indexes = new Map(server.indexes);
  let next = run;
  for (const { shard, seat } of shards) {
    if (seat === undefined) continue;
    indexes.set(shard, seat.index);
    if (seat.role === "primary") next = caughtUp(next, server, shard, seat.term, seat.caughtUp);
  }
  return withServer(next, { ...server, indexes });
}
