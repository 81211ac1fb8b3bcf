/**
 * What a client carries from round to round: what its encoding has left unsent, layers of its own.
 *
 * A client that dies between keeping this and keeping its update trains the round again: what the round began with is
 * therefore kept beside what it left, and given out again.
 */
import { decodePlainData, encodePlainData } from "@shoal/actors/browser";
import type { ClientStorage } from "../storage/client-storage.ts";

export interface CarriedState {
  /** float32 that `round` begins with; undefined where there is nothing of this task. */
  before(round: number): Promise<Float32Array | undefined>;
  /** @param after - what `round` left, borrowed */
  keep(round: number, after: Float32Array): Promise<void>;
}

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
  const beginning = (kept: Kept | undefined, round: number): Uint8Array | null =>
    (kept?.round === round ? kept.before : kept?.after) ?? null;
  return {
    async before(round) {
      const bytes = beginning(await read(), round);
      if (bytes === null || bytes.length % Float32Array.BYTES_PER_ELEMENT !== 0) return undefined;
      return new Float32Array(bytes.slice().buffer);
    },
    async keep(round, after) {
      const bytes = new Uint8Array(after.buffer, after.byteOffset, after.byteLength);
      const kept: Kept = { task, round, before: beginning(await read(), round), after: bytes };
      await storage.set(key, encodePlainData(kept, limits));
    },
  };
}
