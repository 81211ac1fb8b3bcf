/** Fetches a round's values, or what of them is not here yet. */
import { ShoalError } from "@shoal/errors";
import {
  chunkCount,
  bytesPresent,
  chunkRange,
  chunksPresent,
  emptyChunkSet,
  isChunk,
  isComplete,
  missingChunks,
  vectorsTogether,
  vectorWithin,
  withChunk,
  type ChunkSet,
  type RoundOffer,
  type VectorManifest,
  type WholeVector,
} from "@shoal/federated";
import { agreedEncoding } from "./agreed-encoding.ts";
import { window, type RoundRoom } from "./round-room.ts";

export interface FetchedVectors {
  /** [size] float32 */
  readonly values: Float32Array;
  /** [size] float32: the server's, with SCAFFOLD. */
  readonly control: Float32Array | undefined;
}

/** Chunks that are not what was announced, in one download: the line checks its bytes, so the other end is wrong. */
const mostDamaged = 3;

/**
 * @param given - what came with the answer to the offer, if anything
 * @returns undefined where they are not to be had any more @throws ShoalError cancelled, codec_failed
 */
export async function fetchValues(
  room: RoundRoom,
  offer: RoundOffer,
  given: WholeVector | null,
): Promise<FetchedVectors | undefined> {
  const { round, down } = offer;
  if (given !== null && isChunk(given.manifest, 0, given.content)) {
    const { length: bytes } = given.content;
    room.tell({ type: "downloading", bytes, of: bytes });
    return read(room, offer, given.content);
  }
  const content = await fetchContent(room, round, down);
  return content === undefined ? undefined : read(room, offer, content);
}

export type FetchRoom = Pick<RoundRoom, "task" | "shelf" | "plane" | "signal" | "tell">;

/** @returns undefined where it is not to be had any more @throws ShoalError cancelled, codec_failed */
export async function fetchContent(room: FetchRoom, round: number, encoding: string): Promise<Uint8Array | undefined> {
  const reply = await room.plane.ask({ type: "fetch_manifest", round, encoding }, room.signal);
  return reply.type === "manifest" ? fetchChunks(room, reply.manifest) : undefined;
}

async function read(
  { codec, task, model }: RoundRoom,
  { down, version }: RoundOffer,
  content: Uint8Array,
): Promise<FetchedVectors> {
  const encoding = agreedEncoding(task.down, down);
  const together = vectorsTogether(task.local);
  const vectors: Float32Array[] = [];
  for (let part = 0; part < together; part += 1) {
    vectors.push(await codec.decode(encoding, vectorWithin(content, part, together), task.size, task.plain));
  }
  const [values = new Float32Array(task.size), control] = vectors;
  model.take(task, version, values);
  return { values, control };
}

async function fetchChunks(
  { shelf, plane, signal, tell }: FetchRoom,
  manifest: VectorManifest,
): Promise<Uint8Array | undefined> {
  const content = new Uint8Array(manifest.bytes);
  let present = await restore(shelf, manifest, content);
  let damaged = 0;
  let isGone = false;
  const tellProgress = (): void => {
    tell({ type: "downloading", bytes: bytesPresent(manifest, present), of: manifest.bytes });
  };
  if (chunksPresent(present) > 0) tellProgress();
  const fetchOne = async (index: number): Promise<void> => {
    const reply = await plane.ask({ type: "fetch_chunk", hash: manifest.hash, index }, signal);
    if (reply.type !== "chunk") {
      isGone = true;
      return;
    }
    if (!isChunk(manifest, index, reply.content)) {
      damaged += 1;
      if (damaged < mostDamaged) return;
      throw new ShoalError("codec_failed", `chunk ${index} of the values is not what was announced`);
    }
    content.set(reply.content, chunkRange(manifest, index).begin);
    await shelf.keepChunk(index, reply.content);
    present = withChunk(present, index);
    tellProgress();
  };
  while (!isComplete(present) && !isGone) {
    await Promise.all(missingChunks(present, window).map(fetchOne));
  }
  return isGone ? undefined : content;
}

/** What was kept of an earlier attempt is used again, if it is what it should be. */
async function restore(shelf: RoundRoom["shelf"], manifest: VectorManifest, content: Uint8Array): Promise<ChunkSet> {
  const chunks = chunkCount(manifest);
  let present = emptyChunkSet(chunks);
  for (let index = 0; index < chunks; index += 1) {
    const kept = await shelf.chunk(index);
    if (kept === undefined || !isChunk(manifest, index, kept)) continue;
    content.set(kept, chunkRange(manifest, index).begin);
    present = withChunk(present, index);
  }
  return present;
}
