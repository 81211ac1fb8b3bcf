/** Keeps a client's work in the browser's IndexedDB: a database for each client, because two tabs are two clients. */
import type { ClientStorage } from "./client-storage.ts";

const storeName = "work";

/**
 * @param name - of the database, in this page's origin
 * @throws DOMException - the browser keeps nothing
 */
export async function openIndexedDbStorage(name: string): Promise<ClientStorage> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(storeName);
  const database = await settled(opening);
  // Who deletes the database, or brings a newer form of it, is not held up: what follows is refused, and kept in memory.
  database.onversionchange = () => database.close();
  const write = async (change: (store: IDBObjectStore) => IDBRequest): Promise<void> => {
    const transaction = database.transaction(storeName, "readwrite", { durability: "strict" });
    change(transaction.objectStore(storeName));
    await done(transaction);
  };
  return {
    async get(key) {
      const store = database.transaction(storeName).objectStore(storeName);
      return await settled(store.get(key) as IDBRequest<Uint8Array | undefined>);
    },
    // A copy of its own: a view would take the memory that it is in with it.
    set: (key, content) => write((store) => store.put(content.slice(), key)),
    clear: (prefix) => write((store) => store.delete(IDBKeyRange.bound(prefix, `${prefix}\uffff`))),
  };
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}
