/** What is measured, each behind the same two operations: push and pull of `sizes[index]` bytes. */
import type { ParameterLink } from "@shoal/protocol";
import type { RawClient } from "./raw-client.ts";
import { inFlight, sizes, type Site } from "./site.ts";

export interface Peer {
  readonly push: (index: number, lane: number) => Promise<void>;
  readonly pull: (index: number, lane: number) => Promise<void>;
}

/** Vectors in kernel memory: one to push, and one for each pull that is under way. */
export interface Vectors {
  readonly gradient: (index: number) => Float32Array;
  readonly into: (index: number, lane: number) => Float32Array;
}

export function createVectors({ memory }: Pick<Site, "memory">): Vectors {
  const longest = Math.max(...sizes);
  const take = (): number => memory.allocate(longest).byteOffset;
  const gradientAt = take();
  const intoAt = Array.from({ length: inFlight }, take);
  const keysOf = (index: number): number => (sizes[index] ?? 0) / 4;
  // Written once, so that the pages are there; small numbers, so that sums stay finite.
  memory.floats(gradientAt, longest / 4).fill(1e-9);
  for (const at of intoAt) memory.floats(at, longest / 4).fill(1);
  return {
    gradient: (index) => memory.floats(gradientAt, keysOf(index)),
    into: (index, lane) => memory.floats(intoAt[lane] ?? 0, keysOf(index)),
  };
}

const patience = { deadlineMs: 60_000 };

export function linkPeer(link: ParameterLink, { gradient, into }: Vectors): Peer {
  const sequences = sizes.map(() => 0);
  return {
    async push(index) {
      const sequence = (sequences[index] ?? 0) + 1;
      sequences[index] = sequence;
      const clock = sequence - 1;
      const header = { shard: index, sequence, clock, baseVersion: clock, batch: null, samples: 1 };
      await link.push({ ...header, gradient: gradient(index) }, patience);
    },
    async pull(index, lane) {
      const clock = sequences[index] ?? 0;
      await link.pull({ shard: index, clock, into: into(index, lane) }, patience);
    },
  };
}

const bytesOf = (view: Float32Array): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

export function rawPeer(client: RawClient, { gradient, into }: Vectors): Peer {
  return {
    push: (index) => client.push(bytesOf(gradient(index))),
    pull: (index, lane) => client.pull(bytesOf(into(index, lane))),
  };
}

/** memory.copy from one vector to another: what a transfer costs at the least. */
export function copyPeer({ memory, kernels }: Site, { gradient, into }: Vectors): Peer {
  const copy = (index: number, lane: number): Promise<void> => {
    const from = memory.offsetOf(gradient(index)) ?? 0;
    kernels.copy(from, memory.offsetOf(into(index, lane)) ?? 0, (sizes[index] ?? 0) / 4);
    return Promise.resolve();
  };
  return { push: copy, pull: copy };
}
