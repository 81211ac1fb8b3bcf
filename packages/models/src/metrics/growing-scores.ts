/** A list of float32 whose length is known only at the end: doubles its room, up to a limit. */
import { ShoalError } from "@shoal/errors";

export interface GrowingScores {
  push(value: number): void;
  readonly length: number;
  /** A copy in ascending order. */
  sorted(): Float32Array;
}

const firstRoom = 1024;
const limit = 2 ** 27;

/** `push` throws ShoalError invalid_argument beyond 2²⁷ scores (512 MiB). */
export function createGrowingScores(): GrowingScores {
  let room = new Float32Array(firstRoom);
  let length = 0;
  return {
    push(value) {
      if (length === limit) {
        throw new ShoalError("invalid_argument", `an AUC of more than ${limit} answers is too large`, { limit });
      }
      if (length === room.length) {
        const larger = new Float32Array(room.length * 2);
        larger.set(room);
        room = larger;
      }
      room[length] = value;
      length += 1;
    },
    get length() {
      return length;
    },
    sorted: () => room.slice(0, length).sort(),
  };
}
