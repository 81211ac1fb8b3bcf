/**
 * A snapshot of a shard as it is in one version: all shards of a synchronous run that are copied in the same version make
 * one state of the run. The shard stands still while it copies, not while anything is written.
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
  if (state.awaitedCut !== undefined) miss(state, state.awaitedCut.replyTo);
  state.awaitedCut = { ...request, at };
  considerCut(state);
}

/** Called after every message: in synchronous mode none brings more than one version. */
export function considerCut(state: ShardState): void {
  const { awaitedCut, progress } = state;
  if (awaitedCut === undefined || progress.version < awaitedCut.at) return;
  state.awaitedCut = undefined;
  if (progress.version === awaitedCut.at && progress.initialized) copy(state, awaitedCut);
  else miss(state, awaitedCut.replyTo);
}

/** The shard ends, or is not the primary's any more. */
export function dropCut(state: ShardState): void {
  const { awaitedCut } = state;
  state.awaitedCut = undefined;
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
