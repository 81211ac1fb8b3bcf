/**
 * Attempts of a run as they could be seen: each begins when its shards are hosted, with first values or with a snapshot of
 * an earlier one. Members and their pushes are counted anew in some of them, so what is remembered of them names its era.
 */
import type { HostShards, KeyRange, SaveShards } from "@shoal/protocol";

export interface Era {
  readonly index: number;
  /** The snapshot that its shards began with; undefined: none. */
  readonly origin: { readonly era: Era; readonly snapshot: string } | undefined;
  /** What its shards do with contributions. */
  readonly hosting: HostShards;
  /** Of its shards. */
  readonly ranges: Map<number, KeyRange>;
}

export class Eras {
  readonly #known = new Map<string, Era>();
  /** In which era a snapshot was asked for last. */
  readonly #savedIn = new Map<string, Era>();
  #generation = 0;
  /** The newest. */
  current: Era | undefined;

  /** Counts the clusters: a new one without the old one's store knows none of its terms and members. */
  get generation(): number {
    return this.#generation;
  }

  beginGeneration(): void {
    this.#generation += 1;
  }

  get count(): number {
    return this.#known.size;
  }

  /** How often an era began with other ranges than the one that it goes on from. */
  get cuts(): number {
    return [...this.#known.values()].filter((era) => isCut(era)).length;
  }

  hosted(hosting: HostShards): void {
    const key = `${this.#generation}/${hosting.term}`;
    const known = this.#known.get(key) ?? this.#begin(key, hosting);
    for (const { shard, begin, end } of hosting.shards) known.ranges.set(shard, { begin, end });
  }

  #begin(key: string, hosting: HostShards): Era {
    const { snapshot } = hosting;
    const era = snapshot === undefined ? undefined : this.#savedIn.get(snapshot);
    const origin = era === undefined || snapshot === undefined ? undefined : { era, snapshot };
    const begun: Era = { index: this.#known.size, origin, hosting, ranges: new Map() };
    this.current = begun;
    this.#known.set(key, begun);
    return begun;
  }

  saving({ snapshot }: SaveShards): void {
    if (this.current !== undefined) this.#savedIn.set(snapshot, this.current);
  }
}

/** Its ranges are others than those of the era that it goes on from: nothing had failed there. */
export function isCut({ origin, ranges }: Era): boolean {
  return origin !== undefined && ranges.size !== origin.era.ranges.size;
}

/** A stretch of the history of a shard: the versions after `after`, up to `upTo`, were made in this era. */
export interface Stretch {
  readonly era: Era;
  /** That had the keys of the shard then, and perhaps more. */
  readonly shard: number;
  /** The keys, counted from the first one that the shard of this era had. */
  readonly keys: KeyRange;
  readonly after: number;
  readonly upTo: number;
  /** What was acknowledged in this era may be missing: what came after `upTo` has gone, or was computed again. */
  readonly mayLack: boolean;
}

/**
 * The history that leads to a shard of the newest era, oldest first.
 * @param versionIn the version of a shard in a snapshot
 */
export function historyOf(
  newest: Era,
  shard: number,
  versionIn: (snapshot: string, shard: number) => number,
): readonly Stretch[] {
  const stretches: Stretch[] = [];
  const owned = newest.ranges.get(shard);
  let upTo = Number.POSITIVE_INFINITY;
  let next: Era | undefined;
  for (let era: Era | undefined = newest; era !== undefined; era = era.origin?.era) {
    const { origin } = era;
    const after = origin === undefined ? 0 : versionIn(origin.snapshot, ownerIn(origin.era, owned));
    const owner = ownerIn(era, owned);
    const first = era.ranges.get(owner)?.begin ?? 0;
    const keys = { begin: (owned?.begin ?? 0) - first, end: (owned?.end ?? 0) - first };
    const isLeased = era.hosting.consistency.mode !== "synchronous";
    const mayLack = next !== undefined && !(isLeased && isCut(next));
    stretches.unshift({ era, shard: owner, keys, after, upTo, mayLack });
    [upTo, next] = [after, era];
  }
  return stretches;
}

/** The shard that has these keys in an era. */
function ownerIn({ ranges }: Era, owned: KeyRange | undefined): number {
  const found = [...ranges].find(
    ([, { begin, end }]) => owned !== undefined && begin <= owned.begin && owned.end <= end,
  );
  return found?.[0] ?? -1;
}
