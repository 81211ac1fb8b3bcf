/** Snapshots in memory, for clusters on virtual time: every call settles without waiting for a disk. */
import { ShoalError } from "@shoal/errors";
import type { SnapshotStore, StoredPointer } from "@shoal/protocol";

export interface MemorySnapshots extends SnapshotStore {
  /** The objects, to look at and to damage. */
  readonly objects: Map<string, Uint8Array<ArrayBuffer>>;
}

export function createMemorySnapshots(): MemorySnapshots {
  const objects = new Map<string, Uint8Array<ArrayBuffer>>();
  const pointers = new Map<string, StoredPointer>();
  return {
    place: "memory",
    objects,
    async write(name, source) {
      source.rewind();
      const bytes = new Uint8Array(source.totalBytes);
      for (let at = 0; ;) {
        // Parts have ends, as on a disk: others go on in between.
        await Promise.resolve();
        const part = source.next(4096);
        if (part === undefined) break;
        bytes.set(part, at);
        at += part.length;
      }
      objects.set(name, bytes);
    },
    read: (name) => Promise.resolve(objects.get(name)?.slice()),
    list(prefix) {
      const found = [...objects].filter(([name]) => name.startsWith(prefix));
      return Promise.resolve(found.map(([name, bytes]) => ({ name, bytes: bytes.length })));
    },
    remove(name) {
      objects.delete(name);
      return Promise.resolve();
    },
    readPointer: (name) => Promise.resolve(pointers.get(name)),
    writePointer(name, text, expected) {
      const known = pointers.get(name);
      if ((known?.revision ?? null) !== expected) {
        return Promise.reject(new ShoalError("store_conflict", `${name} is of another revision`, { object: name }));
      }
      pointers.set(name, { text, revision: String(Number(known?.revision ?? 0) + 1) });
      return Promise.resolve();
    },
  };
}
