/** How far a client is in its round: written down after every stage, so that it goes on there after a reload. */
import { decodePlainData, encodePlainData } from "@shoal/actors/browser";
import type { ContributionOffer, RoundOffer, VectorManifest } from "@shoal/federated";
import type { ClientStorage } from "../storage/client-storage.ts";

export interface WorkRecord {
  readonly offer: RoundOffer;
  /** Values that are being fetched, and which of their chunks are here (a bitmap). */
  readonly download: { readonly manifest: VectorManifest; readonly settled: Uint8Array } | null;
  /** What was trained: its bytes are kept beside. */
  readonly contribution: ContributionOffer | null;
  /** It was answered; kept until the round is over, because it may be asked for again. */
  readonly isAnswered: boolean;
}

const limits = { what: "a client's record", maximumBytes: 2 ** 20, allowRefs: false };
const recordName = "work/record";
const updateName = "work/update";
const chunkName = (index: number): string => `work/values/${index}`;

/** The round that a client is in, in its storage. What cannot be read is taken as nothing: the client begins afresh. */
export interface WorkShelf {
  read(): Promise<WorkRecord | undefined>;
  write(record: WorkRecord): Promise<void>;
  chunk(index: number): Promise<Uint8Array | undefined>;
  keepChunk(index: number, content: Uint8Array): Promise<void>;
  /** The values are of no more use when the update is there. */
  keepUpdate(content: Uint8Array): Promise<void>;
  update(): Promise<Uint8Array | undefined>;
  clear(): Promise<void>;
}

export function createWorkShelf(storage: ClientStorage): WorkShelf {
  return {
    async read() {
      const bytes = await storage.get(recordName);
      try {
        return bytes === undefined ? undefined : (decodePlainData(bytes, limits, "refuse") as WorkRecord);
      } catch {
        return undefined;
      }
    },
    write: (record) => storage.set(recordName, encodePlainData(record, limits)),
    chunk: (index) => storage.get(chunkName(index)),
    keepChunk: (index, content) => storage.set(chunkName(index), content),
    async keepUpdate(content) {
      await storage.set(updateName, content);
      await storage.clear("work/values/");
    },
    update: () => storage.get(updateName),
    clear: () => storage.clear("work/"),
  };
}
