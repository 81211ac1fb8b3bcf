/**
 * Writes shards of this server into a snapshot, beside the training.
 *
 * Bounds      One snapshot of a run at a time: the newest that was asked for; the copies of one are dropped for the next.
 *             One object is written at a time; the others wait as copies in memory, each as large as its shard's state.
 * Invariants
 *   N1  What is reported saved has been taken over by the store, with the checksum of the bytes that it was given.
 *   N2  A failure ends this snapshot on this server, is told with its reason, and touches nothing else.
 */
import { createHash } from "node:crypto";
import { tryTell, type ActorSystem, type Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  hashSource,
  maximumSavedIntervals,
  maximumSavedShards,
  shardObjectName,
  type FlatIntervals,
  type SavedShard,
  type SaveShards,
  type ServerReply,
  type ShardCommand,
  type ShardSnapshot,
  type SnapshotReply,
  type SnapshotStore,
} from "@shoal/protocol";
import { encodeState } from "../state-file/encode-state.ts";
import { intersect } from "./common-batches.ts";

/** How long a shard may take to reach the version that it is to be copied in: 10 min. The coordinator names near ones. */
const cutDeadlineMs = 600_000;

export interface ShardSaver {
  /** Begins, or answers again. */
  save(command: SaveShards): void;
  /** Drops what is not written yet: the run's shards end. */
  drop(run: string): void;
}

export interface ShardSaverOptions {
  readonly system: ActorSystem;
  readonly store: SnapshotStore | undefined;
  readonly find: (run: string, shard: number) => Ref<ShardCommand> | undefined;
}

interface Saving {
  readonly run: string;
  readonly snapshot: string;
  readonly asked: Set<number>;
  readonly saved: Map<number, { readonly shard: SavedShard; readonly batches: FlatIntervals }>;
  replyTo: Ref<ServerReply>;
  failed: ServerReply | undefined;
  isDropped: boolean;
  blockedMs: number;
  /** Settles when what was copied so far is written. */
  writing: Promise<void>;
}

export function createShardSaver(options: ShardSaverOptions): ShardSaver {
  const savings = new Map<string, Saving>();
  return {
    save(command) {
      const { run, snapshot, replyTo } = command;
      let saving = savings.get(run);
      if (saving?.snapshot !== snapshot) {
        if (saving !== undefined) saving.isDropped = true;
        saving = begin(command, saving?.writing);
        savings.set(run, saving);
      }
      saving.replyTo = replyTo;
      for (const shard of command.shards) askFor(options, saving, shard, command.version);
      answer(options.system.node, saving);
    },
    drop(run) {
      const saving = savings.get(run);
      if (saving !== undefined) saving.isDropped = true;
      savings.delete(run);
    },
  };
}

function begin({ run, snapshot, replyTo }: SaveShards, before: Promise<void> | undefined): Saving {
  return {
    ...{ run, snapshot, replyTo, asked: new Set(), saved: new Map(), failed: undefined },
    ...{ isDropped: false, blockedMs: 0, writing: before ?? Promise.resolve() },
  };
}

function askFor(options: ShardSaverOptions, saving: Saving, shard: number, version: number | null): void {
  if (saving.asked.has(shard)) return;
  saving.asked.add(shard);
  void copy(options, saving, shard, version).then(
    (snapshot) => {
      if (snapshot === undefined) return;
      saving.writing = saving.writing.then(() => write(options, saving, snapshot));
    },
    (error: unknown) => fail(options, saving, ShoalError.from(error), null),
  );
}

async function copy(
  { system, store, find }: ShardSaverOptions,
  saving: Saving,
  shard: number,
  version: number | null,
): Promise<ShardSnapshot | undefined> {
  const { run } = saving;
  if (store === undefined) {
    throw new ShoalError("store_unavailable", `${system.node} was started without a place for snapshots`, { run });
  }
  const ref = find(run, shard);
  if (ref === undefined)
    throw new ShoalError("unknown_shard", `${system.node} does not hold shard ${shard}`, { shard });
  const onTaken = (ms: number): void => void (saving.blockedMs = Math.max(saving.blockedMs, ms));
  const reply = await system.ask<ShardCommand, SnapshotReply>(
    ref,
    (replyTo) => ({ type: "snapshot", ...(version !== null && { at: version }), onTaken, replyTo }),
    { deadlineMs: cutDeadlineMs, reason: `to save shard ${shard}` },
  );
  switch (reply.type) {
    case "shard_snapshot":
      return reply;
    case "refused":
      throw ShoalError.deserialize(reply.error);
    case "snapshot_missed": {
      const sentence = `shard ${shard} of run ${run} has version ${reply.version}, and was asked for ${version}`;
      const error = new ShoalError("cancelled", sentence, { shard });
      fail({ system }, saving, error, reply.version);
      return undefined;
    }
  }
}

async function write(options: ShardSaverOptions, saving: Saving, snapshot: ShardSnapshot): Promise<void> {
  const { system, store } = options;
  if (saving.isDropped || saving.failed !== undefined || store === undefined) return;
  const { shard, version } = snapshot;
  const name = shardObjectName(saving.run, saving.snapshot, shard);
  const source = hashSource(encodeState(snapshot), () => createHash("sha256"));
  try {
    await store.write(name, source);
  } catch (error) {
    fail(options, saving, ShoalError.from(error), null);
    return;
  }
  const sha256 = source.digest();
  if (sha256 === undefined) {
    const error = new ShoalError("store_unavailable", `${store.place} took a part of ${name} only`, { object: name });
    fail(options, saving, error, null);
    return;
  }
  const { batches } = snapshot.progress as { readonly batches: FlatIntervals };
  saving.saved.set(shard, { shard: { name, bytes: source.totalBytes, sha256, shard, version }, batches });
  answer(system.node, saving);
}

function fail(
  { system }: Pick<ShardSaverOptions, "system">,
  saving: Saving,
  error: ShoalError,
  passed: number | null,
): void {
  if (saving.failed !== undefined || saving.isDropped) return;
  const { run, snapshot } = saving;
  saving.failed = { type: "saving_failed", run, node: system.node, snapshot, passed, error: error.toJSON() };
  answer(system.node, saving);
}

/** Says how it ended, or what all is written. */
function answer(node: string, saving: Saving): void {
  const { run, snapshot, failed, saved, asked, blockedMs, replyTo } = saving;
  if (saving.isDropped) return;
  if (failed !== undefined) {
    tryTell(replyTo, failed);
    return;
  }
  if (saved.size < asked.size) return;
  const all = [...saved.values()];
  for (let first = 0; first < all.length; first += maximumSavedShards) {
    const part = all.slice(first, first + maximumSavedShards);
    const common = part.map(({ batches }) => batches).reduce(intersect);
    const done = common.slice(0, maximumSavedIntervals);
    const shards = part.map(({ shard }) => shard);
    tryTell<ServerReply>(replyTo, { type: "shards_saved", run, node, snapshot, shards, done, blockedMs });
  }
}
