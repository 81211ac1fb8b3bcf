/**
 * Where the buffers of a plan stand in its region. Buffers that are never alive at the same time share their bytes.
 *
 * The greatest buffers are placed first, each at the lowest place that is free while it is alive: "greedy by size", which
 * comes within a few percent of the least possible (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
 * Inference", 2020).
 */

/** Steps of a pass at which a buffer holds something, both ends included. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface BufferNeed {
  readonly bytes: number;
  readonly spans: readonly Span[];
}

export interface BufferLayout {
  /** Bytes from the start of the region, one for each need. */
  readonly offsets: readonly number[];
  readonly byteLength: number;
}

/** Vector kernels are fastest on whole cache lines. */
const alignment = 64;

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

export function meet(left: BufferNeed, right: BufferNeed): boolean {
  // Plain loops: a plan of thousands of stages asks millions of times.
  for (const one of left.spans) {
    for (const other of right.spans) if (one.from <= other.to && other.from <= one.to) return true;
  }
  return false;
}

interface Placed {
  readonly need: BufferNeed;
  readonly begin: number;
  readonly end: number;
}

export function layOutBuffers(needs: readonly BufferNeed[]): BufferLayout {
  const offsets = needs.map(() => 0);
  /** In ascending order of `begin`. */
  const placed: Placed[] = [];
  let byteLength = 0;
  const order = [...needs.keys()].sort((left, right) => (needs[right]?.bytes ?? 0) - (needs[left]?.bytes ?? 0));
  for (const index of order) {
    const need = needs[index];
    if (need === undefined || need.bytes === 0) continue;
    const length = aligned(need.bytes);
    let begin = 0;
    for (const other of placed) {
      if (other.begin >= begin + length) break;
      if (other.end > begin && meet(other.need, need)) begin = other.end;
    }
    offsets[index] = begin;
    const behind = placed.findIndex((other) => other.begin > begin);
    placed.splice(behind === -1 ? placed.length : behind, 0, { need, begin, end: begin + length });
    byteLength = Math.max(byteLength, begin + length);
  }
  return { offsets, byteLength };
}

/** Collects the needs of a plan; what is used in two ways keeps one number and gets a second span. */
export interface BufferBook {
  /** @returns the number of the new buffer */
  add(bytes: number, ...spans: readonly Span[]): number;
  extend(buffer: number, span: Span): void;
  bytesOf(buffer: number): number;
  layOut(): BufferLayout;
}

export function createBufferBook(): BufferBook {
  const needs: { readonly bytes: number; readonly spans: Span[] }[] = [];
  return {
    add: (bytes, ...spans) => needs.push({ bytes, spans: [...spans] }) - 1,
    extend(buffer, span) {
      needs[buffer]?.spans.push(span);
    },
    bytesOf: (buffer) => needs[buffer]?.bytes ?? 0,
    layOut: () => layOutBuffers(needs),
  };
}
