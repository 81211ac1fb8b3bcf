/**
 * Regions of one shard's size, in which contributions stand from their first byte until the shard has folded them.
 *
 * Bounds    `slots` + 1 regions; one waiting contribution a stream, since its stream is not read meanwhile.
 * Invariants
 *   S1  A contribution that is folded next gets a region before any that is folded later.
 *   S2  Among equals the order of arrival decides.
 */
import type { KernelMemory, Region } from "@shoal/kernels-wasm";
import { ShoalError } from "@shoal/errors";
import { decideStaging, type StagingVerdict } from "./staging-decision.ts";

/** A region on loan. */
export interface StagingPlace {
  /** The whole region as bytes. */
  readonly bytes: Uint8Array;
  /** The same region as float32. */
  readonly floats: Float32Array;
  /** Gives the region back; further calls have no effect. */
  release(): void;
}

export interface StagingRequest {
  /** Who sends, for messages that people read. */
  readonly owner: string;
  /** What the shard would do with the contribution now; asked again whenever that may have changed. */
  readonly verdict: () => StagingVerdict;
  /** Called once, from `request` itself or later, unless cancelled before. */
  readonly settle: (answer: StagingPlace | "discard" | ShoalError) => void;
}

export interface StagingPool {
  /** @returns how to give up waiting */
  request(request: StagingRequest): { cancel(): void };
  /** Looks at the waiting contributions again: the shard may have changed its mind about them. */
  review(): void;
  /** Who has a region now. */
  owners(): readonly string[];
  /** True when no region is on loan and nobody waits. */
  readonly idle: boolean;
  /** Frees the regions that are not on loan, and the others as they come back. */
  dispose(): void;
}

export interface StagingPoolOptions {
  readonly memory: KernelMemory;
  readonly keys: number;
  readonly slots: number;
}

interface Pool extends StagingPoolOptions {
  readonly free: Region[];
  readonly loans: Map<Region, string>;
  readonly waiting: Set<StagingRequest>;
  disposed: boolean;
}

export function createStagingPool(options: StagingPoolOptions): StagingPool {
  const pool: Pool = { ...options, free: [], loans: new Map(), waiting: new Set(), disposed: false };
  return {
    request(request) {
      // Those who wait had their chance when the last region came back; a newcomer overtakes them only by verdict.
      if (!serve(pool, request, countEqual(pool, request) > 0)) pool.waiting.add(request);
      return { cancel: () => void pool.waiting.delete(request) };
    },
    review: () => review(pool),
    owners: () => [...pool.loans.values()],
    get idle() {
      return pool.loans.size === 0 && pool.waiting.size === 0;
    },
    dispose() {
      pool.disposed = true;
      for (const region of pool.free.splice(0)) pool.memory.free(region);
    },
  };
}

/** Waiting contributions that go before this one (S2). */
function countEqual(pool: Pool, request: StagingRequest): number {
  if (request.verdict() === "next") return [...pool.waiting].filter((other) => other.verdict() === "next").length;
  return pool.waiting.size;
}

/** @returns false when the contribution has to wait */
function serve(pool: Pool, request: StagingRequest, behindOthers: boolean): boolean {
  const decision = decideStaging(request.verdict(), pool.loans.size, pool.slots);
  if (decision.kind === "wait" || (decision.kind === "take" && behindOthers)) return false;
  pool.waiting.delete(request);
  request.settle(decision.kind === "discard" ? "discard" : lend(pool, request.owner));
  return true;
}

function review(pool: Pool): void {
  const inOrder = [...pool.waiting];
  const first = inOrder.filter((request) => request.verdict() === "next");
  for (const request of [...first, ...inOrder.filter((other) => !first.includes(other))]) {
    // Serving one may have run code that cancelled another.
    if (pool.waiting.has(request)) serve(pool, request, false);
  }
}

function lend(pool: Pool, owner: string): StagingPlace | ShoalError {
  const byteLength = pool.keys * 4;
  let region: Region;
  try {
    region = pool.free.pop() ?? pool.memory.allocate(byteLength);
  } catch (error) {
    return ShoalError.from(error);
  }
  pool.loans.set(region, owner);
  const floats = pool.memory.floats(region.byteOffset, pool.keys);
  let released = false;
  return {
    floats,
    bytes: new Uint8Array(floats.buffer, floats.byteOffset, byteLength),
    release() {
      // The region may be on loan to the next one already.
      if (released) return;
      released = true;
      pool.loans.delete(region);
      if (pool.disposed) pool.memory.free(region);
      else pool.free.push(region);
      review(pool);
    },
  };
}
