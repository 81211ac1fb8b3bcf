/** How far a client is in its round: written down after every stage, so that it goes on there after a reload. */
import { decodePlainData, encodePlainData } from "@shoal/actors/browser";
import type { ClientTrace, ContributionOffer, RoundOffer } from "@shoal/federated";
import type { ClientStorage } from "../storage/client-storage.ts";

export interface WorkRecord {
  readonly offer: RoundOffer;
  /** What was trained: its bytes are kept beside. */
  readonly contribution: ContributionOffer | null;
  /** Spans of the client's part, as far as it has come. */
  readonly trace: ClientTrace | null;
  /**
   * Whether it was taken, when it was answered. Kept until the round is over: a contribution that was taken may be asked
   * for again, one that was refused would be refused again. With masked updates: "secret" from the moment when it has said
   * its keys, which a reload forgets, and "over" when nothing more is wanted of it.
   */
  readonly answer: "taken" | "refused" | "secret" | "over" | null;
}

interface Kept {
  readonly format: typeof format;
  readonly task: string;
  readonly record: WorkRecord;
}

/** Of what is kept. What another release has written is taken as nothing. */
const format = 2;
const limits = { what: "a client's record", maximumBytes: 2 ** 24, allowRefs: false };
const recordName = "work/record";
const updateName = "work/update";
const chunkName = (index: number): string => `work/values/${index}`;

/** The round that a client is in, in its storage. What cannot be read is taken as nothing: the client begins afresh. */
export interface WorkShelf {
  read(): Promise<WorkRecord | undefined>;
  write(record: WorkRecord): Promise<void>;
  /** A chunk of the values; whoever takes it looks at its hash. */
  chunk(index: number): Promise<Uint8Array | undefined>;
  keepChunk(index: number, content: Uint8Array): Promise<void>;
  /** The values are of no more use when the update is there. */
  keepUpdate(content: Uint8Array): Promise<void>;
  update(): Promise<Uint8Array | undefined>;
  clear(): Promise<void>;
}

/** @param task - records of another one are taken as nothing */
export function createWorkShelf(storage: ClientStorage, task: string): WorkShelf {
  return {
    async read() {
      const bytes = await storage.get(recordName);
      try {
        const kept = bytes === undefined ? undefined : (decodePlainData(bytes, limits, "refuse") as Kept);
        return kept?.format === format && kept.task === task ? kept.record : undefined;
      } catch {
        return undefined;
      }
    },
    write: (record) => storage.set(recordName, encodePlainData({ format, task, record } satisfies Kept, limits)),
    chunk: (index) => storage.get(chunkName(index)),
    keepChunk: (index, content) => storage.set(chunkName(index), content),
    keepUpdate: (content) => storage.set(updateName, content),
    update: () => storage.get(updateName),
    clear: () => storage.clear("work/"),
  };
}
