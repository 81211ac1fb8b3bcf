/** An update as masked integers: by pieces, so that beside the update and its bytes only a piece is in memory. */
import { createLatticeEncoder, maskedBytes, type Lattice, type RandomBits } from "@shoal/federated";
import type { LocalResult } from "../local-training.ts";

export interface MaskSettings {
  readonly lattice: Lattice;
  readonly bits: number;
  /** Cryptographic: it draws the noise. */
  readonly random: RandomBits;
  /** Masks the next values. */
  readonly mask: (values: Uint32Array) => Promise<Uint8Array>;
}

/** Keys at a time: a multiple of what masks begin at. */
const piece = 65_536;

/** @returns the packed integers of the update and, behind them, of the client's weight */
export async function maskUpdate(
  { update, samples }: Pick<LocalResult, "update" | "samples">,
  { lattice, bits, random, mask }: MaskSettings,
): Promise<Uint8Array> {
  const encoder = createLatticeEncoder(lattice, Math.min(samples, lattice.weightCap), random);
  const total = update.length + 1;
  const content = new Uint8Array(maskedBytes(update.length, { bits }));
  for (let begin = 0; begin < total; begin += piece) {
    const values = new Uint32Array(Math.min(piece, total - begin));
    const part = update.subarray(begin, begin + values.length);
    encoder.encode(part, values.subarray(0, part.length));
    if (part.length < values.length) values[part.length] = encoder.weight;
    content.set(await mask(values), (begin * bits) / 8);
  }
  return content;
}
