/**
 * Begins the next batch when the first of its parameters are there: its forward pass waits at the gate for the others.
 *
 * Invariants
 *   T1  The gate opens for values of the expected version only; with another the batch is cancelled before it has read
 *       them. So nothing of its gradient is final before all of its values are the expected ones.
 *   T2  The computing is busy with the batch until it is adopted or has been cancelled: whoever needs it for something
 *       else cancels first.
 */
import type { BatchRange, ShardPlacement } from "@shoal/protocol";
import { beginBatch, type BatchUnderWay } from "./batch-under-way.ts";
import { isCut } from "./step-cuts.ts";
import type { LoopPorts } from "./training-loop.ts";
import type { VectorBuffer } from "./training-buffers.ts";

export interface EarlyStart {
  /** When the batch was begun; undefined: it has not been. */
  readonly begunAtMs: number | undefined;
  /** The values of the shard at a position are in the buffer. */
  arrived(index: number, version: number): void;
  /** @returns the batch, now the caller's, if it was begun and not cancelled; it is not begun any more */
  adopt(): BatchUnderWay | undefined;
  /** Settles when the buffer is not read any more and the computing is free. Idempotent; nothing after `adopt`. */
  cancel(): Promise<void>;
}

export interface EarlyBatch {
  readonly batches: BatchRange;
  /** Where the values arrive. */
  readonly into: VectorBuffer;
  /** Which version they must have; undefined: any. */
  readonly version: number | undefined;
}

export function createEarlyStart(ports: LoopPorts, { batches, into, version: expected }: EarlyBatch): EarlyStart {
  const { client, compute, buffers, clock } = ports;
  const { gate } = compute;
  const there = new Set<number>();
  let under: BatchUnderWay | undefined;
  let begunAtMs: number | undefined;
  let cancelling: Promise<void> | undefined;
  let isAdopted = false;
  const cancel = async (): Promise<void> => {
    if (under === undefined) return;
    gate?.cancel();
    await under.done.catch(() => undefined);
    buffers.returnGradient(under.gradient);
  };
  return {
    get begunAtMs() {
      return begunAtMs;
    },
    arrived(index, version) {
      if (cancelling !== undefined || (isAdopted && under === undefined)) return;
      if (!isCut(ports, Math.floor(batches.begin / ports.plan.slots))) return; // which samples it has is not known yet
      if (expected !== undefined && version !== expected) {
        cancelling = cancel(); // T1
        return;
      }
      there.add(index);
      const end = endOfFirst(there, client.placement.shards);
      if (end === 0) return;
      gate?.open(end);
      if (under !== undefined) return;
      begunAtMs = clock.now();
      under = beginBatch(ports, batches, { buffer: into }, true);
      under.done.catch(() => undefined); // looked at by whoever adopts it
    },
    adopt() {
      isAdopted = true;
      return cancelling === undefined ? under : undefined;
    },
    async cancel() {
      if (isAdopted) return;
      cancelling ??= cancel();
      await cancelling;
    },
  };
}

/** @returns the key below which everything has arrived */
function endOfFirst(there: ReadonlySet<number>, shards: readonly ShardPlacement[]): number {
  let end = 0;
  for (const [index, shard] of shards.entries()) {
    if (!there.has(index)) break;
    end = shard.end;
  }
  return end;
}
