/**
 * When key ranges that are hotter than a server's fair share are cut into parts, and where. Pure.
 *
 * With s servers and h holders of each shard a server's fair share is h/s of the load of all shards. A shard that weighs more
 * makes its servers fuller than the mean wherever it goes, so no move helps. It is cut into parts of a quarter of the share
 * at most: then moving them ends within a quarter of the mean (Graham, 1969).
 */
import type { KeyRange } from "@shoal/protocol";

export interface SplitShard extends KeyRange {
  readonly shard: number;
  /** Its share of the load of all shards; all shares together are 1. */
  readonly weight: number;
}

/** A parameter whose rows should stay whole, as those of an embedding table: they are used and encoded as rows. */
export interface RowsOfKeys {
  readonly offset: number;
  readonly length: number;
  /** Keys of one row. */
  readonly columns: number;
}

/** Where parameters may be cut; made when it is needed. */
export interface CutPlaces {
  /** The only keys at which to cut, ascending; null: anywhere, between rows if possible. */
  readonly cuts: readonly number[] | null;
  readonly rows: readonly RowsOfKeys[];
}

export interface SplitFacts {
  /** In the order of their keys; together they cover the vector. */
  readonly shards: readonly SplitShard[];
  readonly servers: number;
  /** Of each shard. */
  readonly holders: number;
  readonly places: () => CutPlaces;
}

export type SplitDecision =
  | { readonly kind: "keep"; readonly reason: string }
  /** A range is too hot and cannot be cut. */
  | { readonly kind: "stuck"; readonly reason: string }
  /** @param ranges all of them, in the order of their keys */
  | { readonly kind: "split"; readonly ranges: readonly KeyRange[]; readonly reason: string };

/** A shard is too hot when it weighs more than so many times a server's fair share: as balancing tolerates. */
const tolerated = 1.15;
/** Parts of a shard, in parts of a fair share. */
const partsOfShare = 4;
/** A worker's stream to a server has room for 64 requests. */
const mostRangesPerServer = 16;
/** Fewer keys are not worth an exchange of their own. */
const fewestKeys = 512;

export function decideSplit({ shards, servers, holders, places }: SplitFacts): SplitDecision {
  const share = holders / Math.max(1, servers);
  const hot = shards.filter(({ weight }) => weight > tolerated * share);
  if (hot.length === 0) return { kind: "keep", reason: "no range is hotter than a server's fair share" };
  const named = hot.map(({ begin, end, weight }) => `keys ${begin} to ${end} (${(weight / share).toFixed(1)} shares)`);
  const room = mostRangesPerServer * servers - (shards.length - hot.length);
  const wanted = hot.map((each) => Math.ceil((each.weight * partsOfShare) / share));
  const scale = Math.min(1, room / wanted.reduce((sum, parts) => sum + parts, 0));
  const where = places();
  const ranges = shards.flatMap((each): readonly KeyRange[] => {
    const parts = Math.floor((wanted[hot.indexOf(each)] ?? 1) * scale);
    return cut(each, Math.min(parts, Math.floor((each.end - each.begin) / fewestKeys)), where);
  });
  const list = named.slice(0, 3).join(", ");
  if (ranges.length === shards.length) return { kind: "stuck", reason: `${list} cannot be cut` };
  return { kind: "split", ranges, reason: `${list} cut into ${ranges.length - shards.length + hot.length} ranges` };
}

/** Cuts a range into parts of nearly the same size, none of them empty; fewer where there are not so many places. */
function cut({ begin, end }: KeyRange, parts: number, places: CutPlaces): readonly KeyRange[] {
  const borders: number[] = [];
  for (let part = 1; part < parts; part += 1) {
    const wanted = begin + Math.round(((end - begin) * part) / parts);
    const border = nearest(wanted, (end - begin) / parts, places);
    if (border > (borders.at(-1) ?? begin) && border < end) borders.push(border);
  }
  return [...borders, end].map((to, index) => ({ begin: borders[index - 1] ?? begin, end: to }));
}

/** @param size of a part: rows that are longer than half of it are cut */
function nearest(wanted: number, size: number, { cuts, rows }: CutPlaces): number {
  if (cuts !== null) {
    return cuts.reduce((best, key) => (Math.abs(key - wanted) < Math.abs(best - wanted) ? key : best), -1);
  }
  const table = rows.find(({ offset, length }) => offset <= wanted && wanted < offset + length);
  if (table === undefined || table.columns > size / 2) return wanted;
  return table.offset + Math.round((wanted - table.offset) / table.columns) * table.columns;
}
