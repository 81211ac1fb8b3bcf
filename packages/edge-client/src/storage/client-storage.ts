/**
 * What a client keeps over a reload, a frozen tab, sleep or a crash: bytes by name. Names are path segments of letters,
 * digits, "-", "_" and ".", separated by "/".
 */
export interface ClientStorage {
  /** @returns undefined where nothing is kept under this name */
  get(name: string): Promise<Uint8Array | undefined>;
  /** Keeps a copy, whole or not at all. @throws whatever prevents it */
  set(name: string, content: Uint8Array): Promise<void>;
  /** Names that begin with `prefix` are kept no more. */
  clear(prefix: string): Promise<void>;
}

/** Keeps things as long as the process lives: for tests, and where nothing else is to be had. */
export function createMemoryStorage(): ClientStorage {
  const kept = new Map<string, Uint8Array>();
  return {
    get: async (name) => kept.get(name)?.slice(),
    set: async (name, content) => void kept.set(name, content.slice()),
    async clear(prefix) {
      for (const name of kept.keys()) if (name.startsWith(prefix)) kept.delete(name);
    },
  };
}
