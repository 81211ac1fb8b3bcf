/** The seats with which a run starts. */
import { sizeOf, type Placement, type SeatHolder, type ShardPlacement, type ShardSeat } from "@shoal/protocol";

/**
 * Gives each placed shard its primary, and `copies` replicas on other servers: each shard, largest first, to the servers
 * with the fewest keys so far. Fewer servers than copies leave copies out; nobody holds two of one shard.
 *
 * @param servers at least those that the placement names
 */
export function firstSeats(
  placement: Placement,
  copies: number,
  servers: readonly SeatHolder[],
): ReadonlyMap<number, ShardSeat> {
  const byName = new Map(servers.map((server) => [server.node, server]));
  const keys = new Map(servers.map((server) => [server.member, 0]));
  const add = (server: SeatHolder, shard: ShardPlacement): void => {
    keys.set(server.member, (keys.get(server.member) ?? 0) + sizeOf(shard));
  };
  const shards = placement.shards.filter((shard) => sizeOf(shard) > 0);
  for (const shard of shards) {
    const primary = byName.get(shard.node);
    if (primary !== undefined) add(primary, shard);
  }
  const seats = new Map<number, ShardSeat>();
  for (const shard of shards.toSorted((a, b) => sizeOf(b) - sizeOf(a) || a.shard - b.shard)) {
    const primary = byName.get(shard.node);
    if (primary === undefined)
      throw new RangeError(`shard ${shard.shard} is placed on ${shard.node}, which is no server`);
    const replicas = servers
      .filter(({ member }) => member !== primary.member)
      .toSorted((a, b) => (keys.get(a.member) ?? 0) - (keys.get(b.member) ?? 0) || a.member - b.member)
      .slice(0, copies);
    for (const replica of replicas) add(replica, shard);
    seats.set(shard.shard, { shard: shard.shard, term: placement.term, primary, replicas, learners: [] });
  }
  return new Map([...seats].toSorted(([a], [b]) => a - b));
}
