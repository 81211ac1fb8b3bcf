/** The key by which coordinators of one cluster agree on who leads: one reads it, and writes it by compare-and-set. */
import type { StateStore } from "@shoal/actors";

const leaderKey = "leader";

export interface LeaderEntry {
  readonly revision: number;
  readonly holder: string;
  /** Its holder has stepped down. */
  readonly released: boolean;
}

export interface LeaderKey {
  read(): Promise<LeaderEntry | undefined>;
  /** @param revision undefined: there is no such key @returns the new revision @throws ShoalError store_conflict */
  write(revision: number | undefined, released: boolean): Promise<number>;
}

export function createLeaderKey(store: StateStore, holder: string): LeaderKey {
  let writes = 0;
  return {
    async read() {
      const entry = await store.get(leaderKey);
      if (entry === undefined) return undefined;
      const field = (name: string): unknown =>
        typeof entry.value === "object" && entry.value !== null ? Reflect.get(entry.value, name) : undefined;
      const by = field("holder");
      const known = typeof by === "string" ? by : "somebody";
      return { revision: entry.revision, holder: known, released: field("released") === true };
    },
    write(revision, released) {
      writes += 1;
      const value = { format: 1, holder, writes, released };
      return revision === undefined ? store.create(leaderKey, value) : store.update(leaderKey, value, revision);
    },
  };
}
