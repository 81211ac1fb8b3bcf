/**
 * Updates of many clients, read a part at a time and as often as a rule needs: they lie in files or in a store, and what a
 * rule holds of them at once is one chunk of each client.
 */
import { ShoalError } from "@shoal/errors";

export interface ChunkSource {
  /** Updates; a client is named by its index. */
  readonly clients: number;
  /** Keys of each update. */
  readonly size: number;
  /** [end − begin] values of one update, the same at each reading; borrowed until the pass goes to its next chunk. */
  read(client: number, begin: number, end: number): Float32Array | Promise<Float32Array>;
}

/** Keys that are read of every client at a time, where the caller does not say. */
export const defaultChunkSize = 16_384;

/** Takes the same keys of all clients, in the order of their indices. */
export type ChunkVisitor = (begin: number, chunks: readonly Float32Array[]) => void;

/** How a rule goes through the updates. */
export interface Pace {
  /** Keys that are read of each client at a time. */
  readonly chunkSize: number;
  /** Awaited between two chunks, so that a thread can answer others. */
  readonly pause?: (() => Promise<void>) | undefined;
}

/**
 * One pass over all updates.
 * @throws ShoalError layout_mismatch, not_finite - naming the client; a rule over numbers that are none means nothing
 */
export async function passOver(source: ChunkSource, pace: Pace, visit: ChunkVisitor): Promise<void> {
  const { chunkSize, pause } = pace;
  for (let begin = 0; begin < source.size; begin += chunkSize) {
    if (pause !== undefined && begin > 0) await pause();
    visit(begin, await readChunks(source, begin, Math.min(begin + chunkSize, source.size)));
  }
}

/** The keys [begin, end) of all clients. */
export async function readChunks(source: ChunkSource, begin: number, end: number): Promise<readonly Float32Array[]> {
  const chunks: Float32Array[] = [];
  for (let client = 0; client < source.clients; client += 1) {
    const chunk = await source.read(client, begin, end);
    checkChunk(chunk, client, begin, end);
    chunks.push(chunk);
  }
  return chunks;
}

function checkChunk(chunk: Float32Array, client: number, begin: number, end: number): void {
  if (chunk.length !== end - begin) {
    const sentence = `client ${client} gave ${chunk.length} values of the keys [${begin}, ${end})`;
    throw new ShoalError("layout_mismatch", sentence, { client, expected: end - begin, found: chunk.length });
  }
  for (let i = 0; i < chunk.length; i += 1) {
    const value = chunk[i] ?? 0;
    if (value - value !== 0) {
      throw new ShoalError("not_finite", `client ${client} has ${value} at key ${begin + i}`, {
        client,
        key: begin + i,
      });
    }
  }
}

/** Whole updates in memory as a source: for few clients, and for tests. Keeps `updates`. */
export function sourceOf(updates: readonly Float32Array[]): ChunkSource {
  const size = updates[0]?.length ?? 0;
  return {
    clients: updates.length,
    size,
    read: (client, begin, end) => (updates[client] ?? new Float32Array()).subarray(begin, end),
  };
}
