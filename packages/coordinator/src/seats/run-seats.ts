/** Questions about the seats of a run, and how a change of one becomes part of the run. */
import { sizeOf, type Placement, type ShardAssignment, type ShardSeat } from "@shoal/protocol";
import type { RunServer, RunState } from "../runs/run-state.ts";
import { holdersOf, isInSeat, sameServer, type ServerLife } from "./seat.ts";

/** Shards in whose seats a server is, ascending. */
export function shardsOf(run: RunState, life: ServerLife): readonly number[] {
  return [...run.seats.values()].filter((seat) => isInSeat(seat, life)).map((seat) => seat.shard);
}

/** What a server is to be told to host: shards in whose seats it is and of which it has not said that it knows them. */
export function unhosted(run: RunState, server: RunServer): readonly ShardAssignment[] {
  return shardsOf(run, server).flatMap((shard) => {
    const [assignment, seat] = [run.assignments.get(shard), run.seats.get(shard)];
    if (assignment === undefined || seat === undefined || server.known.has(shard)) return [];
    return [run.isSeated ? { ...assignment, seat } : assignment];
  });
}

/** All that a server has still to host are copies that nobody waits for. */
export function onlyLearns(run: RunState, server: RunServer): boolean {
  const missing = unhosted(run, server).map(({ shard }) => run.seats.get(shard));
  return missing.length > 0 && missing.every((seat) => seat?.learners.some((each) => sameServer(each, server)));
}

/** Seats of shards that a server has, of which it knows an older term only: also those that name it no more. */
export function unseated(run: RunState, server: RunServer): readonly ShardSeat[] {
  return [...server.known].flatMap(([shard, term]) => {
    const seat = run.seats.get(shard);
    return seat === undefined || seat.term <= term ? [] : [seat];
  });
}

/** The server knows the seat that it leads. */
export function isSettled(run: RunState, { shard, term, primary }: ShardSeat): boolean {
  const server = run.servers.find((each) => sameServer(each, primary));
  return (server?.known.get(shard) ?? -1) >= term;
}

/** Names of servers on which workers would find no shard yet. @param copiesToo the replicas count */
export function unsettledServers(run: RunState, copiesToo: boolean): readonly string[] {
  const names = new Set<string>();
  for (const { shard, term, primary, replicas } of run.seats.values()) {
    for (const holder of copiesToo ? [primary, ...replicas] : [primary]) {
      const server = run.servers.find((each) => sameServer(each, holder));
      if ((server?.known.get(shard) ?? -1) < term) names.add(holder.node);
    }
  }
  return [...names];
}

/** Takes new seats over under one new term, and their primaries into the placement. */
export function withSeats(
  run: RunState,
  seats: readonly Omit<ShardSeat, "term">[],
  notes: readonly string[],
): RunState {
  if (seats.length === 0 || run.placement === null) return run;
  const term = run.seatTerm + 1;
  const next = new Map(run.seats);
  for (const seat of seats) next.set(seat.shard, { ...seat, term });
  const roster = { ...run.roster, revision: run.roster.revision + 1 };
  const seated = { ...run, seats: next, seatTerm: term, seatNotes: notes, roster };
  return withSeatedServers({ ...seated, placement: placementOf(run.placement, next, term) });
}

/** Where the workers find the shards. */
export function placementOf(placement: Placement, seats: ReadonlyMap<number, ShardSeat>, term: number): Placement {
  const shards = placement.shards.map((shard) => {
    const primary = seats.get(shard.shard)?.primary;
    return primary === undefined ? shard : { ...shard, node: primary.node, endpoint: primary.endpoint };
  });
  return { term, shards };
}

/** Everybody in a seat is a server of the run; a server in a new life begins anew. */
export function withSeatedServers(run: RunState): RunState {
  const servers = new Map(run.servers.map((server) => [server.member, server]));
  let isNew = false;
  for (const holder of [...run.seats.values()].flatMap(holdersOf)) {
    const known = servers.get(holder.member);
    if (known !== undefined && known.incarnation >= holder.incarnation) continue;
    servers.set(holder.member, newRunServer({ ...holder, name: holder.node }));
    isNew = true;
  }
  return isNew ? { ...run, servers: [...servers.values()] } : run;
}

export function newRunServer({ member, incarnation, name }: ServerLife & { readonly name: string }): RunServer {
  return {
    member,
    incarnation,
    name,
    alive: true,
    lostBecause: null,
    invitedRevision: null,
    known: new Map(),
    refuses: false,
    indexes: new Map(),
    confirmedRevision: 0,
    released: false,
  };
}

/** Elements that each server holds, copies included, by member. */
export function keysByServer(run: RunState): Map<number, number> {
  const keys = new Map<number, number>();
  for (const seat of run.seats.values()) {
    const assignment = run.assignments.get(seat.shard);
    if (assignment === undefined) continue;
    for (const { member } of holdersOf(seat)) keys.set(member, (keys.get(member) ?? 0) + sizeOf(assignment));
  }
  return keys;
}
