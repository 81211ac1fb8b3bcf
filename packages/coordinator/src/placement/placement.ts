/** Placement: which server owns which key range of a run. */
import { partitionKeys, sizeOf, type KeyRange, type Placement, type ShardPlacement } from "@shoal/protocol";
import { partitionAt } from "./partition-at.ts";

/** A server that shards can be placed on. */
export interface PlacementServer {
  readonly member: number;
  readonly name: string;
  readonly endpoint: string;
}

/** Key ranges for each server where the job does not say: more than one, so that load can move in small parts. */
const fewestShardsPerServer = 2;
/** A worker's stream to a server has room for 64 requests. */
const mostShardsPerServer = 16;
/** The part of a gradient that leaves while the rest is computed: large beside the cost of an exchange. */
const bucketBytes = 2 * 2 ** 20;

/** How many key ranges to cut parameters into where the job does not say: of about 2 MiB, but 2 to 16 for each server. */
export function defaultShards(parameterCount: number, servers: number): number {
  const buckets = Math.ceil((parameterCount * Float32Array.BYTES_PER_ELEMENT) / bucketBytes);
  return Math.min(mostShardsPerServer * servers, Math.max(fewestShardsPerServer * servers, buckets));
}

/**
 * Cuts the parameters and deals the ranges out: each, largest first, to the server with the fewest keys so far. Ties go
 * to the lower shard and member number, so equal inputs give equal placements. A server may get none when there are
 * fewer ranges than servers.
 *
 * @param parameterCount size of the flat vector, at least 1
 * @param shards ranges wanted; null: `defaultShards`
 * @param cuts the only keys at which to cut; null: anywhere
 * @param servers at least one
 * @param term fences this placement against earlier ones
 * @throws RangeError when there is no server
 */
export function placeShards(
  parameterCount: number,
  shards: number | null,
  cuts: readonly number[] | null,
  servers: readonly PlacementServer[],
  term: number,
): Placement {
  if (servers.length === 0) throw noServer();
  const wanted = shards ?? defaultShards(parameterCount, servers.length);
  const ranges = cuts === null ? partitionKeys(parameterCount, wanted) : partitionAt(parameterCount, wanted, cuts);
  return placeRanges(new Map(ranges.entries()), servers, term);
}

/**
 * Deals ranges out that are cut already.
 * @param ranges by the number of their shard
 * @throws RangeError when there is no server
 */
export function placeRanges(
  ranges: ReadonlyMap<number, KeyRange>,
  servers: readonly PlacementServer[],
  term: number,
): Placement {
  if (servers.length === 0) throw noServer();
  const byMember = servers.toSorted((a, b) => a.member - b.member);
  const keys = new Map(byMember.map((server) => [server.member, 0]));
  const largestFirst = [...ranges.entries()].toSorted(([i, a], [j, b]) => sizeOf(b) - sizeOf(a) || i - j);
  const placed: ShardPlacement[] = [];
  for (const [shard, range] of largestFirst) {
    const server = byMember.reduce((best, each) => (load(keys, each) < load(keys, best) ? each : best));
    keys.set(server.member, load(keys, server) + sizeOf(range));
    placed.push({ shard, begin: range.begin, end: range.end, node: server.name, endpoint: server.endpoint });
  }
  return { term, shards: placed.toSorted((a, b) => a.shard - b.shard) };
}

function noServer(): RangeError {
  return new RangeError("expected at least one server to place shards on, got none");
}

function load(keys: ReadonlyMap<number, number>, server: PlacementServer): number {
  return keys.get(server.member) ?? 0;
}
