/** A part of a storage, for somebody who knows nothing of the rest. */
import type { ClientStorage } from "./client-storage.ts";

/** @param folder - of names in `storage` */
export function createStorageFolder(storage: ClientStorage, folder: string): ClientStorage {
  const within = (name: string): string => `${folder}/${name}`;
  return {
    get: (name) => storage.get(within(name)),
    set: (name, content) => storage.set(within(name), content),
    clear: (prefix) => storage.clear(within(prefix)),
  };
}
