/** Keeps a client's work in the browser's IndexedDB, so that it goes on after a reload. */
import type { ClientStorage } from "@shoal/edge-client";

const storeName = "work";

/** One database a client: two tabs are two clients. @throws DOMException where the browser keeps nothing */
export async function openPageStorage(client: string): Promise<ClientStorage> {
  const opening = indexedDB.open(`shoal ${client}`, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(storeName);
  const database = await settled(opening);
  const write = async (change: (store: IDBObjectStore) => IDBRequest): Promise<void> => {
    const transaction = database.transaction(storeName, "readwrite", { durability: "strict" });
    change(transaction.objectStore(storeName));
    await done(transaction);
  };
  return {
    async get(name) {
      const store = database.transaction(storeName).objectStore(storeName);
      return (await settled(store.get(name) as IDBRequest<Uint8Array | undefined>)) ?? undefined;
    },
    // A copy of its own: what is kept must not be a view of a whole memory.
    set: (name, content) => write((store) => store.put(content.slice(), name)),
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
