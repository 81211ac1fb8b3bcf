/** Gives shards that begin here the state that a snapshot has of them. */
import { createHash } from "node:crypto";
import type { ActorSystem, Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  manifestName,
  parseManifest,
  type KeyRange,
  type Refusal,
  type SavedShard,
  type ShardCommand,
  type ShardRestored,
  type ShardSnapshot,
  type SnapshotManifest,
  type SnapshotStore,
} from "@shoal/protocol";
import { decodeState } from "../state-file/decode-state.ts";
import { cutSnapshot } from "./cut-snapshot.ts";

const restoreLimitMs = 60_000;

/** A shard that is hosted here and empty. */
export interface RestoredShard {
  readonly shard: number;
  readonly range: KeyRange;
  readonly ref: Ref<ShardCommand>;
}

/** @throws ShoalError snapshot_corrupt - an object is missing, short, damaged or another's: named; store_unavailable */
export async function restoreShards(
  system: ActorSystem,
  store: SnapshotStore | undefined,
  from: { readonly run: string; readonly snapshot: string },
  shards: readonly RestoredShard[],
): Promise<void> {
  if (store === undefined) {
    const sentence = `${system.node} was started without a place for snapshots and cannot read ${from.snapshot} of run ${from.run}`;
    throw new ShoalError("store_unavailable", sentence, { run: from.run });
  }
  const manifest = await readManifest(store, from);
  const object = manifestName(from.run, from.snapshot);
  const wanted = Map.groupBy(shards, ({ range }) => savedWith(manifest, range, object));
  // One after the other: the bytes of one saved shard at a time are in memory.
  for (const [saved, parts] of wanted) {
    const snapshot = forgetWorkers(decodeShard(saved, await readObject(store, saved)));
    for (const { shard, range, ref } of parts) {
      await restore(system, ref, cutSnapshot(snapshot, shard, range), saved);
    }
  }
}

/** The saved shard that holds a range: as it was saved, or a part of what was. */
function savedWith({ ranges, shards }: SnapshotManifest, { begin, end }: KeyRange, object: string): SavedShard {
  for (let place = 0; place < ranges.length; place += 3) {
    const [shard, first = 0, last = 0] = ranges.slice(place, place + 3);
    const saved = shards.find((each) => each.shard === shard);
    if (first <= begin && end <= last && saved !== undefined) return saved;
  }
  throw corrupt(object, `has no shard with keys ${begin} to ${end}`);
}

async function readManifest(
  store: SnapshotStore,
  { run, snapshot }: { readonly run: string; readonly snapshot: string },
): Promise<SnapshotManifest> {
  const name = manifestName(run, snapshot);
  const bytes = await store.read(name);
  if (bytes === undefined) throw corrupt(name, `is not in ${store.place}`);
  return parseManifest(run, snapshot, bytes);
}

async function readObject(store: SnapshotStore, saved: SavedShard): Promise<Uint8Array<ArrayBuffer>> {
  const { name, bytes, sha256 } = saved;
  const found = await store.read(name);
  if (found === undefined) throw corrupt(name, `is not in ${store.place}`);
  if (found.length !== bytes) throw corrupt(name, `has ${found.length} bytes, not ${bytes}`);
  if (createHash("sha256").update(found).digest("hex") !== sha256) throw corrupt(name, "has another checksum");
  return found;
}

function decodeShard({ name, shard, version }: SavedShard, bytes: Uint8Array<ArrayBuffer>): ShardSnapshot {
  let snapshot: Partial<ShardSnapshot>;
  try {
    snapshot = Object(decodeState(bytes)) as Partial<ShardSnapshot>;
  } catch (error) {
    throw corrupt(name, ShoalError.from(error).message);
  }
  if (snapshot.type !== "shard_snapshot" || snapshot.shard !== shard || snapshot.version !== version) {
    throw corrupt(name, `is not shard ${shard} in version ${version}`);
  }
  return snapshot as ShardSnapshot;
}

/**
 * Workers of a resumed run begin to count anew, and their numbers may have been others' before: what was remembered of the
 * pushes and clocks of the old ones would be taken for theirs. Batches are known by their own numbers.
 */
function forgetWorkers(snapshot: ShardSnapshot): ShardSnapshot {
  return { ...snapshot, progress: { ...Object(snapshot.progress), clocks: [], filter: [] } };
}

async function restore(
  system: ActorSystem,
  ref: Ref<ShardCommand>,
  snapshot: ShardSnapshot,
  { name }: SavedShard,
): Promise<void> {
  const reply = await system.ask<ShardCommand, ShardRestored | Refusal>(
    ref,
    (replyTo) => ({ type: "restore", snapshot, replyTo }),
    { deadlineMs: restoreLimitMs, reason: `to begin with ${name}` },
  );
  if (reply.type === "refused") throw corrupt(name, ShoalError.deserialize(reply.error).message);
}

function corrupt(object: string, what: string): ShoalError {
  return new ShoalError("snapshot_corrupt", `${object} ${what.replace(/^\[[a-z_]+\] /, "")}`, { object });
}
