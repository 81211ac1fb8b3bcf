/**
 * Attempts of a run as they could be seen: each begins when its shards are hosted, with first values or with a snapshot of
 * an earlier one. Members and their pushes are counted anew in some of them, so what is remembered of them names its era.
 */
import type { HostShards, SaveShards } from "@shoal/protocol";

export interface Era {
  readonly index: number;
  /** The snapshot that its shards began with; undefined: none. */
  readonly origin: { readonly era: Era; readonly snapshot: string } | undefined;
  /** What its shards do with contributions. */
  readonly hosting: HostShards;
}

export class Eras {
  readonly #known = new Map<string, Era>();
  /** In which era a snapshot was asked for last. */
  readonly #savedIn = new Map<string, Era>();
  /** Of the shards: the same in all eras. */
  readonly ranges = new Map<number, { readonly begin: number; readonly end: number }>();
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

  hosted(hosting: HostShards): void {
    for (const { shard, begin, end } of hosting.shards) this.ranges.set(shard, { begin, end });
    const key = `${this.#generation}/${hosting.term}`;
    if (this.#known.has(key)) return;
    const { snapshot } = hosting;
    const era = snapshot === undefined ? undefined : this.#savedIn.get(snapshot);
    const origin = era === undefined || snapshot === undefined ? undefined : { era, snapshot };
    this.current = { index: this.#known.size, origin, hosting };
    this.#known.set(key, this.current);
  }

  saving({ snapshot }: SaveShards): void {
    if (this.current !== undefined) this.#savedIn.set(snapshot, this.current);
  }
}

/** A stretch of the history of a shard: the versions after `after`, up to `upTo`, were made in this era. */
export interface Stretch {
  readonly era: Era;
  readonly after: number;
  readonly upTo: number;
}

/**
 * The history that leads to the newest era, oldest first.
 * @param versionIn the version of the shard in a snapshot
 */
export function historyOf(newest: Era, versionIn: (snapshot: string) => number): readonly Stretch[] {
  const stretches: Stretch[] = [];
  let upTo = Number.POSITIVE_INFINITY;
  for (let era: Era | undefined = newest; era !== undefined; era = era.origin?.era) {
    const after = era.origin === undefined ? 0 : versionIn(era.origin.snapshot);
    stretches.unshift({ era, after, upTo });
    upTo = after;
  }
  return stretches;
}
