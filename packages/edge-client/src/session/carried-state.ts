/**
 * What a client carries from round to round: what its encoding has left unsent, layers of its own.
 *
 * A client that dies between keeping this and keeping its update trains the round again: what the round began with is
 * therefore kept beside what it left, and given out again.
 */
import { decodePlainData, encodePlainData } from "@shoal/actors/browser";
import type { ClientStorage } from "../storage/client-storage.ts";

export interface CarriedState {
  /**
   * float32 that `round` begins with; undefined where there is nothing of this task.
   * @param counts - whether what an earlier round left is kept, or what it began with; default: all do
   */
  before(round: number, counts?: Counts): Promise<Float32Array | undefined>;
  /** @param after - what `round` left, borrowed */
  keep(round: number, after: Float32Array, counts?: Counts): Promise<void>;
}

type Counts = (round: number) => boolean;

interface Kept {
  readonly task: string;
  readonly round: number;
  readonly before: Uint8Array | null;
  readonly after: Uint8Array;
}

const limits = { what: "what a client carries", maximumBytes: 2 ** 31, allowRefs: false };

export function createCarriedState(storage: ClientStorage, task: string, name: string): CarriedState {
  const key = `carried/${name}`;
  const read = async (): Promise<Kept | undefined> => {
    const bytes = await storage.get(key);
    try {
      const kept = bytes === undefined ? undefined : (decodePlainData(bytes, limits, "refuse") as Kept);
      return kept?.task === task ? kept : undefined;
    } catch {
      return undefined;
    }
  };
  const beginning = (kept: Kept | undefined, round: number, counts: Counts = () => true): Uint8Array | null => {
    if (kept === undefined) return null;
    return kept.round === round || !counts(kept.round) ? kept.before : kept.after;
  };
  return {
    async before(round, counts) {
      const bytes = beginning(await read(), round, counts);
      if (bytes === null || bytes.length % Float32Array.BYTES_PER_ELEMENT !== 0) return undefined;
      return new Float32Array(bytes.slice().buffer);
    },
    async keep(round, after, counts) {
      const bytes = new Uint8Array(after.buffer, after.byteOffset, after.byteLength);
      const kept: Kept = { task, round, before: beginning(await read(), round, counts), after: bytes };
      await storage.set(key, encodePlainData(kept, limits));
    },
  };
}
