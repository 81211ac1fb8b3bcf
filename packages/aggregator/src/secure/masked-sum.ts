/**
 * The sum of masked vectors as they come, and the mean that is under the masks. It holds 4 bytes a key: of a vector nothing
 * is kept but its share of the sum.
 */
import { addMasked, decodeMean, maskedBytes, type Lattice, type Unmasker } from "@shoal/federated";
import { ShoalError } from "@shoal/errors";

export interface MaskedSum {
  /** Adds a client's masked vector, whole or not at all. @param packed - borrowed @throws ShoalError codec_failed */
  add(packed: Uint8Array): void;
  /** Once, when no vector comes any more. */
  unmask(unmasker: Unmasker): Promise<void>;
  /**
   * The weighted mean of the vectors, [size] float32.
   * @param expected - clients that the sum is divided by; null: by the weight of those who came
   * @throws ShoalError codec_failed - for a sum that no clients of this lattice have
   */
  mean(clients: number, expected: number | null): Float32Array;
}

/** Keys at a time: 256 KiB, a multiple of what masks begin at. */
const piece = 65_536;

/** @param size - elements of an update; the weight is behind them */
export function createMaskedSum(size: number, lattice: Lattice): MaskedSum {
  const { bits } = lattice;
  const sum = new Uint32Array(size + 1);
  return {
    add(packed) {
      const expected = maskedBytes(size, lattice);
      if (packed.length !== expected) {
        throw new ShoalError("codec_failed", `a masked update has ${expected} bytes, got ${packed.length}`, {
          ...{ expected, found: packed.length },
        });
      }
      // From the last piece on: only behind its values there can be bits that are wrong, and then nothing was added.
      for (let begin = Math.floor(size / piece) * piece; begin >= 0; begin -= piece) {
        const end = Math.min(begin + piece, sum.length);
        const bytes = packed.subarray((begin * bits) / 8, Math.ceil((end * bits) / 8));
        addMasked(sum.subarray(begin, end), bytes, bits);
      }
    },
    async unmask(unmasker) {
      for (let begin = 0; begin < sum.length; begin += piece) {
        await unmasker.unmask(begin, sum.subarray(begin, begin + piece));
      }
    },
    mean(clients, expected) {
      const totalWeight = sum[size] ?? 0;
      const mean = new Float32Array(size);
      decodeMean(lattice, sum.subarray(0, size), mean, { clients, totalWeight });
      if (expected === null) return mean;
      return mean.map((value) => (value * clients) / expected);
    },
  };
}
