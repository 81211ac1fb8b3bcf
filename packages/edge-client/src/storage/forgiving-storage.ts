/** A storage that is full or broken costs what it would have kept, and nothing else: the session goes on in memory. */
import { ShoalError } from "@shoal/errors";
import { createMemoryStorage, type ClientStorage } from "./client-storage.ts";

/** @param onTrouble - told once */
export function createForgivingStorage(storage: ClientStorage, onTrouble: (error: ShoalError) => void): ClientStorage {
  const spare = createMemoryStorage();
  let isTold = false;
  const trouble = (error: unknown): void => {
    if (!isTold) onTrouble(ShoalError.from(error));
    isTold = true;
  };
  return {
    async get(name) {
      const kept = await spare.get(name);
      if (kept !== undefined) return kept;
      try {
        return await storage.get(name);
      } catch (error) {
        trouble(error);
        return undefined;
      }
    },
    async set(name, content) {
      try {
        await storage.set(name, content);
        await spare.clear(name);
      } catch (error) {
        trouble(error);
        await spare.set(name, content);
      }
    },
    async clear(prefix) {
      await spare.clear(prefix);
      await storage.clear(prefix).catch(trouble);
    },
  };
}
