/** Which chunks of a vector there are: a bitmap, lowest bit first, that is stored and sent as it is. */

export interface ChunkSet {
  readonly count: number;
  /** [⌈count / 8⌉] */
  readonly bits: Uint8Array;
}

export function emptyChunkSet(count: number): ChunkSet {
  return { count, bits: new Uint8Array(Math.ceil(count / 8)) };
}

/** What was stored or sent; a bitmap of another length, or with bits beyond the end, is taken as empty. */
export function readChunkSet(count: number, bits: Uint8Array): ChunkSet {
  const isWhole = bits.length === Math.ceil(count / 8);
  const beyond = count % 8 === 0 ? 0 : (bits.at(-1) ?? 0) >> (count % 8);
  return isWhole && beyond === 0 ? { count, bits: bits.slice() } : emptyChunkSet(count);
}

export function hasChunk({ bits }: ChunkSet, index: number): boolean {
  return (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}

/** @returns another set; the given one stays as it is */
export function withChunk(set: ChunkSet, index: number): ChunkSet {
  const bits = set.bits.slice();
  bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  return { count: set.count, bits };
}

/** The first that are not there, at most so many. */
export function missingChunks(set: ChunkSet, most: number): readonly number[] {
  const missing: number[] = [];
  for (let index = 0; index < set.count && missing.length < most; index += 1) {
    if (!hasChunk(set, index)) missing.push(index);
  }
  return missing;
}

export function chunksPresent(set: ChunkSet): number {
  let present = 0;
  for (let index = 0; index < set.count; index += 1) if (hasChunk(set, index)) present += 1;
  return present;
}

export function isComplete(set: ChunkSet): boolean {
  return chunksPresent(set) === set.count;
}
