/**
 * Chunks on their way, a few at a time: the sender's half of an upload, and the receiver's half of a download.
 *
 * A chunk is under way from its sending (or asking) to its acknowledgement (or arrival). At most `window` are: a browser's
 * socket takes whatever it is given and says nothing, and what it holds is lost with the page. What is not settled in time
 * goes again; after a broken line everything that was under way does. Pure: the caller sends what `nextChunks` names.
 *
 * Invariants
 *   X1  at most `window` chunks are under way.
 *   X2  a settled chunk never goes again, unless the other side says that it has lost it.
 */
import { emptyChunkSet, hasChunk, isComplete, withChunk, type ChunkSet } from "./chunk-set.ts";

export interface TransferPlan {
  readonly chunks: number;
  /** Chunks under way at most. */
  readonly window: number;
  /** After the n-th try in a row without an answer a chunk waits n times this, at most `mostRetryMs`. */
  readonly retryAfterMs: number;
  readonly mostRetryMs: number;
}

export interface ChunkUnderWay {
  readonly index: number;
  readonly againAtMs: number;
  readonly tries: number;
}

export interface Transfer {
  readonly plan: TransferPlan;
  /** All that has to survive a restart. */
  readonly settled: ChunkSet;
  readonly underWay: readonly ChunkUnderWay[];
}

export interface TransferStep {
  readonly transfer: Transfer;
  /** Chunks to be sent, or asked for, now. */
  readonly indexes: readonly number[];
}

/** @param settled - of an earlier attempt @throws RangeError */
export function startTransfer(plan: TransferPlan, settled: ChunkSet = emptyChunkSet(plan.chunks)): Transfer {
  if (settled.count !== plan.chunks)
    throw new RangeError(`${settled.count} chunks known, the vector has ${plan.chunks}`);
  if (!(plan.window >= 1) || !(plan.retryAfterMs > 0) || !(plan.mostRetryMs >= plan.retryAfterMs)) {
    throw new RangeError("a transfer needs a window from 1 and waits above 0 ms");
  }
  return { plan, settled, underWay: [] };
}

/** What goes now: what has waited too long, then what has not gone yet, as far as there is room. */
export function nextChunks(transfer: Transfer, nowMs: number): TransferStep {
  const { plan, settled } = transfer;
  const underWay = transfer.underWay.map((chunk) => (nowMs < chunk.againAtMs ? chunk : again(plan, chunk, nowMs)));
  const indexes = transfer.underWay.filter(({ againAtMs }) => nowMs >= againAtMs).map(({ index }) => index);
  const busy = new Set(underWay.map(({ index }) => index));
  for (let index = 0; index < plan.chunks && underWay.length < plan.window; index += 1) {
    if (hasChunk(settled, index) || busy.has(index)) continue;
    underWay.push({ index, againAtMs: nowMs + plan.retryAfterMs, tries: 1 });
    indexes.push(index);
  }
  return { transfer: { ...transfer, underWay }, indexes };
}

/** A chunk has arrived; settling one again changes nothing. Indexes outside of the vector are passed over. */
export function settleChunk(transfer: Transfer, index: number): Transfer {
  if (!Number.isSafeInteger(index) || index < 0 || index >= transfer.plan.chunks) return transfer;
  const underWay = transfer.underWay.filter((chunk) => chunk.index !== index);
  return { ...transfer, underWay, settled: withChunk(transfer.settled, index) };
}

/** What the other side has is what is settled: after a broken line, a reload, or when it has lost something. */
export function restartTransfer(transfer: Transfer, settled: ChunkSet = transfer.settled): Transfer {
  return startTransfer(transfer.plan, settled);
}

/** When `nextChunks` has something to say again, if nothing is settled before; undefined when all is done. */
export function nextRetry({ underWay }: Transfer): number | undefined {
  return underWay.length === 0 ? undefined : Math.min(...underWay.map(({ againAtMs }) => againAtMs));
}

export function isTransferred({ settled }: Transfer): boolean {
  return isComplete(settled);
}

function again({ retryAfterMs, mostRetryMs }: TransferPlan, chunk: ChunkUnderWay, nowMs: number): ChunkUnderWay {
  const tries = chunk.tries + 1;
  return { index: chunk.index, tries, againAtMs: nowMs + Math.min(tries * retryAfterMs, mostRetryMs) };
}
