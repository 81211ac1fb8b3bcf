/**
 * The binary form of a worker's saved state, little-endian:
 *
 *   "SHOALWS1"  8 bytes, the name and version of the form
 *   header      length in bytes (uint32), then JSON, filled up with spaces to a multiple of 4
 *   vectors     float32, one after the other, in the header's order
 *   checksum    CRC-32 of all before it (uint32)
 */
import { ShoalError } from "@shoal/errors";
import { parseEncodingSpec } from "@shoal/optimization";
import { z } from "zod";
import { crc32 } from "./crc32.ts";
import type { ShardError, WorkerState } from "./worker-state.ts";

const magic = "SHOALWS1";
const textBytes = magic.length;
const wordBytes = Uint32Array.BYTES_PER_ELEMENT;
/** Of a header: about 200 an error. */
const maximumHeaderBytes = 16 * 2 ** 20;

/** Of 16 slots that a worker has computed, each with as many shards as a run may have. */
const maximumErrors = 65_536;

const count = z.int().min(0);
const length = count.nullable();
/** Vectors as their lengths. */
const headerSchema = z.strictObject({
  run: z.string().min(1).max(256),
  worker: z.string().min(1).max(256),
  clock: count,
  unanswered: count,
  errors: z
    .array(
      z.strictObject({
        begin: count,
        end: count,
        slot: count.default(0),
        encoding: z.record(z.string(), z.unknown()),
        name: z.string(),
        residual: length,
        factors: length,
      }),
    )
    .max(maximumErrors),
  replica: count.optional(),
  computed: z.strictObject({ text: z.string(), vector: length }).optional(),
});
type Header = z.infer<typeof headerSchema>;

/** @param state its vectors are borrowed */
export function encodeWorkerState(state: WorkerState): Uint8Array {
  const { run, worker, clock, unanswered, errors, replica, computed } = state;
  const header: Header = {
    ...{ run, worker, clock, unanswered },
    ...(replica !== undefined && { replica: replica.length }),
    ...(computed !== undefined && { computed: { text: computed.text, vector: computed.vector?.length ?? null } }),
    errors: errors.map(({ begin, end, slot, encoding, snapshot: { name, residual, factors } }) => ({
      ...{ begin, end, slot, encoding: { ...encoding }, name },
      ...{ residual: residual?.length ?? null, factors: factors?.length ?? null },
    })),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(text.length / wordBytes) * wordBytes;
  const vectors = errors
    .flatMap(({ snapshot: { residual, factors } }) => [residual, factors])
    .concat(replica ?? null, computed?.vector ?? null)
    .filter((vector) => vector !== null);
  const floatBytes = vectors.reduce((sum, vector) => sum + vector.byteLength, 0);
  const bytes = new Uint8Array(textBytes + wordBytes + headerBytes + floatBytes + wordBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(magic));
  view.setUint32(textBytes, headerBytes, true);
  bytes.fill(0x20, textBytes + wordBytes, textBytes + wordBytes + headerBytes);
  bytes.set(text, textBytes + wordBytes);
  let at = textBytes + wordBytes + headerBytes;
  for (const vector of vectors) {
    bytes.set(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength), at);
    at += vector.byteLength;
  }
  view.setUint32(at, crc32(bytes.subarray(0, at)), true);
  return bytes;
}

/**
 * @param bytes borrowed
 * @param expected whose state of which run it must be
 * @throws ShoalError snapshot_corrupt - it is none, of another version, damaged, or somebody else's
 */
export function decodeWorkerState(bytes: Uint8Array, expected: Pick<WorkerState, "run" | "worker">): WorkerState {
  const fail = (sentence: string): never => {
    throw new ShoalError(
      "snapshot_corrupt",
      `The saved state of ${expected.worker} is refused: ${sentence}.`,
      expected,
    );
  };
  const smallest = textBytes + 2 * wordBytes;
  if (bytes.length < smallest) fail(`it has ${String(bytes.length)} bytes, the smallest has ${String(smallest)}`);
  const found = new TextDecoder("latin1").decode(bytes.subarray(0, textBytes));
  if (found.slice(0, -1) !== magic.slice(0, -1)) fail("it does not begin like one");
  if (found !== magic) fail(`it is of version ${JSON.stringify(found.slice(-1))}, this Shoal reads 1`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - wordBytes;
  if (view.getUint32(end, true) !== crc32(bytes.subarray(0, end))) fail("its checksum is wrong");
  const headerBytes = view.getUint32(textBytes, true);
  const begin = textBytes + wordBytes + headerBytes;
  if (headerBytes > maximumHeaderBytes || begin > end) fail("its header is longer than it is");
  const header = parseHeader(bytes.subarray(textBytes + wordBytes, begin));
  if (header === undefined) return fail("its header is not one");
  if (header.run !== expected.run) fail(`it is of run ${header.run}, not of ${expected.run}`);
  if (header.worker !== expected.worker) fail(`it is of ${header.worker}`);
  const vectors = createReader(bytes.subarray(begin, end));
  const state = stateOf(header, vectors.take);
  if (vectors.rest !== 0) fail(`its vectors are ${String(vectors.rest)} bytes off`);
  return state;
}

function parseHeader(text: Uint8Array): Header | undefined {
  try {
    return headerSchema.safeParse(JSON.parse(new TextDecoder().decode(text))).data;
  } catch {
    return undefined;
  }
}

interface VectorReader {
  readonly take: (length: number) => Float32Array;
  /** Bytes that are left; below 0: that were missing. */
  readonly rest: number;
}

/** Copies, because vectors need not be aligned where they stand. What is missing reads as nothing, and shows in `rest`. */
function createReader(bytes: Uint8Array): VectorReader {
  let at = 0;
  return {
    take(length) {
      // Not `slice`: that of a Buffer, as files are read into, is no copy.
      const part = new Uint8Array(bytes.subarray(at, at + 4 * length));
      at += 4 * length;
      return new Float32Array(part.buffer, 0, Math.floor(part.length / 4));
    },
    get rest() {
      return bytes.length - at;
    },
  };
}

function stateOf(header: Header, take: (length: number) => Float32Array): WorkerState {
  const { run, worker, clock, unanswered, replica, computed } = header;
  const takeIf = (length: number | null): Float32Array | null => (length === null ? null : take(length));
  const errors = header.errors.map(({ begin, end, slot, encoding, name, residual, factors }): ShardError => {
    const spec = parseEncodingSpec(encoding, "the encoding of a saved state");
    if (spec.name === "auto") throw new ShoalError("snapshot_corrupt", "A saved state is of no encoding, but of auto.");
    const snapshot = { name, residual: takeIf(residual), factors: takeIf(factors) };
    return { begin, end, slot, encoding: spec, snapshot };
  });
  return {
    ...{ run, worker, clock, unanswered, errors },
    ...(replica !== undefined && { replica: take(replica) }),
    ...(computed !== undefined && { computed: { text: computed.text, vector: takeIf(computed.vector) } }),
  };
}
