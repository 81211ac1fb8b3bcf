/** Shards with seats: one by one, because each has a term of its own. */
import type { ShardSeat } from "@shoal/protocol";
import { roleIn } from "../replication/seat-roles.ts";
import { spawnShards, type HostedShard, type ShardEnvironment } from "./hosted-shard.ts";
import type { Hosting, SeatTerm } from "./shard-host.ts";

/** By the shards of a run: under which term each was given up, so that a command which comes late brings none back. */
const givenUp = new WeakMap<ReadonlyMap<number, HostedShard>, Map<number, number>>();

function givenUpOf(shards: ReadonlyMap<number, HostedShard>): Map<number, number> {
  const terms = givenUp.get(shards) ?? new Map<number, number>();
  givenUp.set(shards, terms);
  return terms;
}

/** True when a later seat than this one has taken the shard from this node. */
function isOver(shards: ReadonlyMap<number, HostedShard>, seat: ShardSeat | undefined): boolean {
  return seat !== undefined && seat.term <= (givenUpOf(shards).get(seat.shard) ?? 0);
}

/**
 * Adds those shards of a hosting that are not here yet, and tells the others their seats and members.
 * @param shards of the run; added to
 * @throws ShoalError invalid_argument, out_of_memory - none is added then
 */
export async function addShards(
  environment: ShardEnvironment,
  hosting: Hosting,
  shards: Map<number, HostedShard>,
): Promise<void> {
  const { members } = hosting;
  for (const { ref } of shards.values()) ref.tell({ type: "update_members", members });
  const missing = hosting.shards.filter(({ shard, seat }) => !shards.has(shard) && !isOver(shards, seat));
  if (missing.length > 0) {
    const added = spawnShards(environment, { ...hosting, shards: missing }, false);
    for (const [shard, hosted] of added) shards.set(shard, hosted);
  }
  const seats = hosting.shards.flatMap(({ seat }) => (seat === undefined ? [] : [seat]));
  await giveSeats(environment.system.node, shards, seats);
}

/** Gives each of these shards its seat. @returns what is known here then, without shards that are to be hosted first */
export async function giveSeats(
  node: string,
  shards: Map<number, HostedShard>,
  seats: readonly ShardSeat[],
): Promise<readonly SeatTerm[]> {
  const known = await Promise.all(seats.map((seat) => giveSeat(node, shards, seat)));
  return known.filter((seat) => seat !== undefined);
}

/**
 * Gives one shard its seat, or ends it when the seat does not name this node.
 * @param shards of the run; taken from
 * @returns what is known here then; undefined for a shard that is to be hosted first
 */
async function giveSeat(
  node: string,
  shards: Map<number, HostedShard>,
  seat: ShardSeat,
): Promise<SeatTerm | undefined> {
  const { shard, term } = seat;
  const hosted = shards.get(shard);
  const isNamed = roleIn(seat, node) !== undefined;
  const terms = givenUpOf(shards);
  if (hosted === undefined) {
    const known = Math.max(terms.get(shard) ?? 0, isNamed ? 0 : term);
    terms.set(shard, known);
    return known >= term ? { shard, term: known } : undefined;
  }
  const known = hosted.seatTerm() ?? 0;
  if (term < known) return { shard, term: known };
  if (!isNamed) {
    const ended = hosted.end(); // throws where its mailbox is full: it is here then, and is asked to end again
    shards.delete(shard);
    terms.set(shard, term);
    await ended;
  } else if (term > known) hosted.takeSeat(seat);
  return { shard, term };
}
