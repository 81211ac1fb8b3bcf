/**
 * Which copies move so that servers carry alike. Pure.
 *
 * What a copy weighs is a quarter of its part of all keys and three quarters of its part of all traffic: keys cost memory,
 * traffic costs time. A server's load is the
 * sum over its copies. Greedy: from the fullest server to the emptiest goes the copy whose weight is nearest to half of what
 * lies between them, as long as that makes the fullest less full (largest differencing by single moves; Graham, 1969, bounds
 * what greedy dealing loses). One move lowers the sum of squared loads, so no copy goes back and forth.
 *
 * Primaries do more than copies: workers talk to them alone, and after fail-overs many of them are on one server. They are
 * evened out by the same rule, with the copies staying where they are: a primary and one of its replicas change places.
 */

export interface WeighedShard {
  readonly shard: number;
  /** Its share of the load of all shards; all shares together are 1. */
  readonly weight: number;
  /** Members that hold a copy, the primary first. */
  readonly holders: readonly number[];
}

export interface BalanceMove {
  readonly shard: number;
  readonly from: number;
  readonly to: number;
}

/** Nothing moves while the fullest server carries at most so many times the mean. */
const tolerated = 1.15;
/** How much of a weight is traffic. */
const ofTraffic = 0.75;
/**
 * A move must lower what lies between the two servers by at least twice this share of the mean: one that only exchanges their
 * loads, but for a rounding, would go back and forth for ever.
 */
const worthwhile = 0.02;

/**
 * @param servers members that may hold copies; others are left to empty themselves
 * @param mayTake whether a member could take a copy of a shard now
 */
export function decideMove(
  shards: readonly WeighedShard[],
  servers: readonly number[],
  mayTake: (shard: number, to: number) => boolean = () => true,
): BalanceMove | undefined {
  return evenOut(shards, servers, loadsOf(shards, servers), ({ shard, holders }, from, to) => {
    return holders.includes(from) && !holders.includes(to) && mayTake(shard, to);
  });
}

/** Which shard's primary changes places with a replica. @param servers members that may lead shards */
export function decideLead(shards: readonly WeighedShard[], servers: readonly number[]): BalanceMove | undefined {
  const led = shards.map((shard) => ({ ...shard, holders: shard.holders.slice(0, 1) }));
  return evenOut(shards, servers, loadsOf(led, servers), ({ holders }, from, to) => {
    return holders[0] === from && holders.includes(to);
  });
}

type MayMove = (shard: WeighedShard, from: number, to: number) => boolean;

function evenOut(
  shards: readonly WeighedShard[],
  servers: readonly number[],
  loads: ReadonlyMap<number, number>,
  mayMove: MayMove,
): BalanceMove | undefined {
  const mean = [...loads.values()].reduce((sum, load) => sum + load, 0) / Math.max(1, servers.length);
  const byLoad = servers.toSorted((a, b) => (loads.get(b) ?? 0) - (loads.get(a) ?? 0) || a - b);
  const fullest = byLoad[0];
  if (fullest === undefined || (loads.get(fullest) ?? 0) <= tolerated * mean) return undefined;
  for (const to of byLoad.slice(1).toReversed()) {
    const gap = (loads.get(fullest) ?? 0) - (loads.get(to) ?? 0);
    const best = shards
      .filter((shard) => mayMove(shard, fullest, to))
      .toSorted((a, b) => Math.abs(a.weight - gap / 2) - Math.abs(b.weight - gap / 2) || a.shard - b.shard)[0];
    if (best === undefined || Math.min(best.weight, gap - best.weight) < worthwhile * mean) continue;
    return { shard: best.shard, from: fullest, to };
  }
  return undefined;
}

/** Load of each server. */
export function loadsOf(shards: readonly WeighedShard[], servers: readonly number[]): ReadonlyMap<number, number> {
  const loads = new Map(servers.map((server) => [server, 0]));
  for (const { weight, holders } of shards)
    for (const holder of holders) if (loads.has(holder)) loads.set(holder, (loads.get(holder) ?? 0) + weight);
  return loads;
}

/**
 * Weighs shards by their keys and their traffic.
 * @param shards keys, and bytes that workers moved in a second; all zero where nothing is known: keys alone then
 */
export function weigh(
  shards: readonly {
    readonly shard: number;
    readonly keys: number;
    readonly traffic: number;
    readonly holders: readonly number[];
  }[],
): readonly WeighedShard[] {
  const allKeys = shards.reduce((sum, { keys }) => sum + keys, 0);
  const allTraffic = shards.reduce((sum, { traffic }) => sum + traffic, 0);
  return shards.map(({ shard, keys, traffic, holders }) => {
    const byKeys = allKeys === 0 ? 0 : keys / allKeys;
    const weight = allTraffic === 0 ? byKeys : (1 - ofTraffic) * byKeys + ofTraffic * (traffic / allTraffic);
    return { shard, weight, holders };
  });
}
