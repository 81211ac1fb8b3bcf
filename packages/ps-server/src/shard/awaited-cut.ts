/**
 * A snapshot of a shard as it is in one version: all shards of a synchronous run that are copied in the same version make
 * one state of the run.
 *
 * The shard stands still while it copies, not while anything is written. It copies in a turn of its own, behind what waits in
 * its mailbox: those who pull the version first get it first, and most of the copying falls into the time in which the workers
 * compute. A change that comes earlier has to wait for the copy.
 */
import { tryTell, type Ref } from "@shoal/actors";
import type { ShardCommand, SnapshotReply } from "@shoal/protocol";
import type { ShardState } from "./shard-state.ts";
import { takeSnapshot } from "./snapshot.ts";

export type SnapshotRequest = Extract<ShardCommand, { type: "snapshot" }>;

/** At most one is waited for: whoever asks for another takes its place. */
export interface AwaitedCut extends SnapshotRequest {
  readonly at: number;
}

export function handleSnapshot(state: ShardState, request: SnapshotRequest): void {
  const { at } = request;
  if (at === undefined) {
    copy(state, request);
    return;
  }
  dropCut(state);
  state.awaitedCut = { ...request, at };
}

/**
 * Called after every message: in synchronous mode none brings more than one version.
 * @param soon asks for a turn in which `copyNow` is called
 */
export function considerCut(state: ShardState, soon: () => void): void {
  const { awaitedCut, progress, replication } = state;
  if (awaitedCut === undefined || progress.version < awaitedCut.at) return;
  const isPrimary = replication === undefined || replication.role === "primary";
  if (progress.version > awaitedCut.at || !progress.initialized || !isPrimary) {
    dropCut(state);
    return;
  }
  if (state.beforeChange !== undefined) return;
  state.beforeChange = () => copyNow(state);
  soon();
}

export function copyNow(state: ShardState): void {
  const { awaitedCut } = state;
  if (awaitedCut === undefined || state.beforeChange === undefined) return;
  forgetCut(state);
  copy(state, awaitedCut);
}

function forgetCut(state: ShardState): void {
  state.awaitedCut = undefined;
  state.beforeChange = undefined;
}

/** The version will not come (again) here. */
export function dropCut(state: ShardState): void {
  const { awaitedCut } = state;
  forgetCut(state);
  if (awaitedCut !== undefined) miss(state, awaitedCut.replyTo);
}

function copy(state: ShardState, { replyTo, onTaken }: SnapshotRequest): void {
  const { clock } = state.options;
  const begunAtMs = clock.now();
  const snapshot = takeSnapshot(state);
  onTaken?.(clock.now() - begunAtMs);
  tryTell<SnapshotReply>(replyTo, snapshot);
}

function miss({ options, progress }: ShardState, replyTo: Ref<SnapshotReply>): void {
  tryTell<SnapshotReply>(replyTo, { type: "snapshot_missed", shard: options.shard, version: progress.version });
}
