/** A list of float32 whose length is known only at the end: doubles its room, up to a limit. */
import { ShoalError } from "@shoal/errors";

export interface GrowingFloats {
  push(value: number): void;
  readonly length: number;
  /** Copies the elements into memory of their own (shared where the platform has it). */
  take(make: (byteLength: number) => ArrayBufferLike): Float32Array;
}

const firstRoom = 1024;

/** @param limit most elements; @param what names the list in the error @throws ShoalError invalid_argument at the limit */
export function createGrowingFloats(limit: number, what: string): GrowingFloats {
  let room = new Float32Array(Math.min(firstRoom, limit));
  let length = 0;
  return {
    push(value) {
      if (length === limit)
        throw new ShoalError("invalid_argument", `${what} has more than ${limit} values`, { limit });
      if (length === room.length) {
        const larger = new Float32Array(Math.min(room.length * 2, limit));
        larger.set(room);
        room = larger;
      }
      room[length] = value;
      length += 1;
    },
    get length() {
      return length;
    },
    take(make) {
      const taken = new Float32Array(make(length * Float32Array.BYTES_PER_ELEMENT));
      taken.set(room.subarray(0, length));
      return taken;
    },
  };
}
