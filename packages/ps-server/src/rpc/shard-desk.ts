/**
 * Where a shard's requests come in and its values go out: the shard's address and its bounded regions, per shard of
 * this process that is spoken to.
 */
import type { Clock, Ref, Timer } from "@shoal/actors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import type { ShardCommand } from "@shoal/protocol";
import type { ShardAdmission } from "../shard/admission.ts";
import type { ServiceBounds } from "./bounds.ts";
import type { HostedShards, ShardPayloads } from "./hosted-shards.ts";
import { createInstallPlaces, type InstallPlaces } from "./install-places.ts";
import { createPullCopies, type PullCopies } from "./pull-copies.ts";
import { createStagingPool, type StagingPool } from "./staging-pool.ts";

export interface ShardDesk {
  readonly shard: number;
  readonly ref: Ref<ShardCommand>;
  readonly keys: number;
  readonly payloads: ShardPayloads;
  readonly admission: ShardAdmission;
  readonly staging: StagingPool;
  readonly copies: PullCopies;
  /** Where parts of a state come in, when this copy is being filled. */
  readonly parts: InstallPlaces;
}

export interface ShardDesks {
  /** @returns undefined when no such shard is hosted here */
  find(run: string, shard: number): ShardDesk | undefined;
  /** Frees every region as it is given back. */
  close(): void;
}

export interface ShardDesksOptions {
  readonly shards: HostedShards;
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly clock: Clock;
  readonly bounds: ServiceBounds;
}

interface KeptDesk extends ShardDesk {
  usedAt: number;
  readonly close: () => void;
}

export function createShardDesks(options: ShardDesksOptions): ShardDesks {
  const { shards, clock, bounds } = options;
  const desks = new Map<string, KeptDesk>();
  let sweep: Timer | undefined;

  const drop = (key: string, desk: KeptDesk): void => {
    desk.close();
    desks.delete(key);
  };
  // Regions of runs that are over, or rest, go back: the number of desks follows the number of shards in use.
  const sweepIdle = (): void => {
    for (const [key, desk] of desks) {
      const idle = desk.staging.idle && desk.copies.idle && desk.parts.idle;
      if (idle && clock.now() - desk.usedAt >= bounds.idleMs) drop(key, desk);
    }
    sweep = desks.size > 0 ? clock.after(bounds.idleMs, sweepIdle) : undefined;
  };
  const open = (key: string, run: string, shard: number): KeptDesk | undefined => {
    const desk = makeDesk(options, run, shard);
    if (desk === undefined) return undefined;
    desks.set(key, desk);
    sweep ??= clock.after(bounds.idleMs, sweepIdle);
    return desk;
  };

  return {
    find(run, shard) {
      const key = `${run}/${shard}`;
      const kept = desks.get(key);
      // Another actor or another size is another life of the shard (a new placement): its predecessor's desk closes.
      const stale =
        kept !== undefined && (kept.ref !== shards.find(run, shard) || kept.keys !== shards.sizeOf(run, shard));
      if (kept !== undefined && stale) drop(key, kept);
      const desk = kept === undefined || stale ? open(key, run, shard) : kept;
      if (desk !== undefined) desk.usedAt = clock.now();
      return desk;
    },
    close() {
      sweep?.cancel();
      for (const [key, desk] of desks) drop(key, desk);
    },
  };
}

function makeDesk(options: ShardDesksOptions, run: string, shard: number): KeptDesk | undefined {
  const { shards, memory, kernels, clock, bounds } = options;
  const ref = shards.find(run, shard);
  const keys = shards.sizeOf(run, shard);
  const admission = shards.admissionOf(run, shard);
  const payloads = shards.payloadsOf(run, shard);
  if (ref === undefined || keys === undefined || admission === undefined || payloads === undefined) return undefined;
  // First values come as they are, whatever the encoding of pushes.
  const words = Math.max(keys, payloads.maximumWords);
  const slots = Math.max(bounds.stagingSlots, Math.floor(bounds.stagingBytes / (words * 4)));
  const staging = createStagingPool({ memory, keys: words, slots });
  const copies = createPullCopies({
    ...{ memory, kernels, keys, longest: payloads.differenceWords },
    copies: bounds.pullCopies,
  });
  const parts = createInstallPlaces();
  const unsubscribe = admission.onChange(() => staging.review());
  const close = (): void => {
    unsubscribe();
    staging.dispose();
    copies.dispose();
  };
  return { shard, ref, keys, payloads, admission, staging, copies, parts, usedAt: clock.now(), close };
}
