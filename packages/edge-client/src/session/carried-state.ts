/**
 * What a client carries from round to round: what its encoding has left unsent, layers of its own.
 *
 * A client that dies between keeping this and keeping its update trains the round again: what the round began with is
 * therefore kept beside what it left, and given out again.
 */
import type { ClientStorage } from "../storage/client-storage.ts";
import { floatsOf, packVectors, unpackVectors } from "./kept-vectors.ts";

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
  readonly round: number;
  readonly before: Uint8Array | null;
  readonly after: Uint8Array | null;
}

export function createCarriedState(storage: ClientStorage, task: string, name: string): CarriedState {
  const key = `carried/${name}`;
  const read = async (): Promise<Kept | undefined> => {
    const [facts, [before = null, after = null]] = unpackVectors(await storage.get(key)) ?? [undefined, []];
    const [ofTask, round] = (facts ?? []) as readonly [task?: string, round?: number];
    return ofTask === task && round !== undefined ? { round, before, after } : undefined;
  };
  const beginning = (kept: Kept | undefined, round: number, counts: Counts = () => true): Uint8Array | null => {
    if (kept === undefined) return null;
    return kept.round === round || !counts(kept.round) ? kept.before : kept.after;
  };
  return {
    async before(round, counts) {
      const bytes = beginning(await read(), round, counts);
      if (bytes === null || bytes.length % Float32Array.BYTES_PER_ELEMENT !== 0) return undefined;
      return floatsOf(bytes);
    },
    async keep(round, after, counts) {
      const bytes = new Uint8Array(after.buffer, after.byteOffset, after.byteLength);
      await storage.set(key, packVectors([task, round], [beginning(await read(), round, counts), bytes]));
    },
  };
}
