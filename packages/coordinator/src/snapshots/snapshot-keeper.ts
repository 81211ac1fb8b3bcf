/**
 * The coordinator's child that speaks with the place where snapshots are kept: publishes, looks up, clears away. One thing at
 * a time; the coordinator goes on meanwhile.
 *
 * Invariants
 *   K1  A manifest is written after all that it names, the pointer after the manifest: what can be found is whole.
 *   K2  The pointer never goes back: it is changed by compare-and-set, to a newer snapshot only.
 */
import type { BehaviorFactory, Ref } from "@shoal/actors";
import { isShoalError, ShoalError, type SerializedError } from "@shoal/errors";
import {
  manifestName,
  parseManifest,
  parsePointer,
  pointerName,
  snapshotPrefix,
  snapshotsPrefix,
  sourceOf,
  type RunPointer,
  type SnapshotManifest,
  type SnapshotStore,
  type SubmitReply,
} from "@shoal/protocol";
import { bytesOf } from "./compose-manifest.ts";
import { movePrefix } from "../runs/slot-moves/moving-slots.ts";
import { decideRetention, firstMissing, snapshotBefore } from "./retention.ts";
import { attemptOf } from "./snapshot-state.ts";

/** Who wants to go on from a snapshot: a person, or the run itself. */
export type ResumeRequest =
  | { readonly kind: "person"; readonly submission: string; readonly replyTo: Ref<SubmitReply> }
  | { readonly kind: "run" };

export type KeeperCommand =
  /** "This is whole: let it be found, and clear away what is older than the newest `keep`." */
  | {
      readonly type: "publish";
      readonly manifest: SnapshotManifest;
      readonly pointer: RunPointer;
      readonly keep: number;
      /** The run goes on from it at once: what it names has to be found here, where its servers will look for it. */
      readonly isAwaited: boolean;
    }
  /** "Look this up." @param snapshot null: the newest */
  | {
      readonly type: "look_up";
      readonly run: string;
      readonly snapshot: string | null;
      readonly request: ResumeRequest;
      /** How often the place has been asked for it already; absent: never. */
      readonly looks?: number;
    }
  /** "Slots that moved have taken over what was saved under these names." @param names null: the run is over */
  | { readonly type: "clear_moves"; readonly run: string; readonly names: readonly string[] | null }
  /** "The run is in this phase now." For those who list runs. */
  | { readonly type: "note_phase"; readonly run: string; readonly phase: RunPointer["phase"]; readonly atMs: number };

export type KeeperReport =
  | { readonly type: "snapshot_published"; readonly run: string; readonly snapshot: string; readonly bytes: number }
  | { readonly type: "snapshot_unpublished"; readonly run: string; readonly snapshot: string; readonly reason: string }
  | {
      readonly type: "snapshot_found";
      readonly run: string;
      readonly manifest: SnapshotManifest;
      /** Higher than that of any attempt that left a snapshot. */
      readonly attempt: number;
      readonly request: ResumeRequest;
    }
  | {
      readonly type: "snapshot_not_found";
      readonly run: string;
      readonly error: SerializedError;
      readonly request: ResumeRequest;
    }
  /** Something that people should know of. */
  | { readonly type: "snapshot_noted"; readonly sentence: string };

export interface KeeperOptions {
  readonly store: SnapshotStore | undefined;
  readonly reports: Ref<KeeperReport>;
}

/** A place that is away may come back: a run that begins again by itself asks it so often, first after this time. */
const maximumLooks = 8;
const firstLookAgainMs = 250;

export function createSnapshotKeeper({ store, reports }: KeeperOptions): BehaviorFactory<KeeperCommand> {
  return (context) => async (command) => {
    switch (command.type) {
      case "publish": {
        const { run, snapshot } = command.manifest;
        try {
          const bytes = await publish(requireStore(store), command);
          reports.tell({ type: "snapshot_published", run, snapshot, bytes });
        } catch (error) {
          reports.tell({ type: "snapshot_unpublished", run, snapshot, reason: ShoalError.from(error).message });
          return;
        }
        await clearAway(requireStore(store), run, command.keep).catch((error: unknown) => {
          const sentence = `older snapshots of run ${run} could not be removed: ${ShoalError.from(error).message}`;
          reports.tell({ type: "snapshot_noted", sentence });
        });
        return;
      }
      case "look_up": {
        const { run, request, looks = 0 } = command;
        try {
          const found = await lookUp(requireStore(store), run, command.snapshot);
          reports.tell({ type: "snapshot_found", run, ...found, request });
        } catch (thrown) {
          const error = ShoalError.from(thrown);
          if (store !== undefined && looksAgain(error, request, looks)) {
            const sentence = `run ${run} looks for its snapshots again: ${error.message}`;
            reports.tell({ type: "snapshot_noted", sentence });
            context.after(firstLookAgainMs * 2 ** looks, { ...command, looks: looks + 1 });
            return;
          }
          reports.tell({ type: "snapshot_not_found", run, error: error.toJSON(), request });
        }
        return;
      }
      case "clear_moves":
        // What stays now goes when the run ends.
        if (store !== undefined) await clearMoves(store, command).catch(() => undefined);
        return;
      case "note_phase":
        if (store !== undefined) await notePhase(store, command).catch(() => undefined);
    }
  };
}

/** A person hears of it at once, and may ask again. */
function looksAgain(error: ShoalError, request: ResumeRequest, looks: number): boolean {
  return request.kind === "run" && error.code === "store_unavailable" && looks + 1 < maximumLooks;
}

function requireStore(store: SnapshotStore | undefined): SnapshotStore {
  if (store !== undefined) return store;
  throw new ShoalError("store_unavailable", "the coordinator was started without a place for snapshots");
}

async function publish(store: SnapshotStore, command: KeeperCommand & { readonly type: "publish" }): Promise<number> {
  const { manifest, pointer } = command;
  const { run, snapshot } = manifest;
  if (command.isAwaited) await checkShared(store, manifest);
  const document = new TextEncoder().encode(`${JSON.stringify(manifest)}\n`);
  await store.write(manifestName(run, snapshot), sourceOf(document));
  try {
    await point(store, pointer);
  } catch (error) {
    if (isOvertaken(error)) await discard(store, run, snapshot);
    throw error;
  }
  return bytesOf(manifest) + document.length;
}

/** Servers on several machines may each have written to a place of their own. @throws ShoalError snapshot_corrupt */
async function checkShared(store: SnapshotStore, { run, snapshot, shards }: SnapshotManifest): Promise<void> {
  const missing = firstMissing(run, snapshot, shards, await store.list(snapshotPrefix(run, snapshot)));
  if (missing === undefined) return;
  const sentence = `${missing} in ${store.place}: servers and coordinator need a place that they share`;
  throw new ShoalError("snapshot_corrupt", sentence, { run });
}

/** K2. @throws ShoalError store_conflict - a newer snapshot is known */
async function point(store: SnapshotStore, pointer: RunPointer): Promise<void> {
  const name = pointerName(pointer.run);
  const known = await store.readPointer(name);
  const newest = known === undefined ? undefined : readKnown(pointer.run, known.text);
  if (newest !== undefined && newest.snapshot > pointer.snapshot) {
    const sentence = `${name} names ${newest.snapshot} already, which is newer than ${pointer.snapshot}`;
    throw new ShoalError("store_conflict", sentence, { object: name, newest: newest.snapshot });
  }
  await store.writePointer(name, `${JSON.stringify(pointer)}\n`, known?.revision ?? null);
}

const isOvertaken = (error: unknown): boolean =>
  isShoalError(error, "store_conflict") && error.details["newest"] !== undefined;

/** K1. What another attempt of the run has overtaken: it clears away its own alone, so these would stay for good. */
async function discard(store: SnapshotStore, run: string, snapshot: string): Promise<void> {
  await store.remove(manifestName(run, snapshot));
  for (const { name } of await store.list(snapshotPrefix(run, snapshot))) await store.remove(name);
}

/** A pointer that cannot be read is replaced. */
function readKnown(run: string, text: string): RunPointer | undefined {
  try {
    return parsePointer(run, text);
  } catch {
    return undefined;
  }
}

async function notePhase(
  store: SnapshotStore,
  { run, phase, atMs }: KeeperCommand & { type: "note_phase" },
): Promise<void> {
  const name = pointerName(run);
  const known = await store.readPointer(name);
  if (known === undefined) return;
  const pointer = parsePointer(run, known.text);
  await store.writePointer(name, `${JSON.stringify({ ...pointer, phase, atMs })}\n`, known.revision);
}

async function clearMoves(
  store: SnapshotStore,
  { run, names }: KeeperCommand & { type: "clear_moves" },
): Promise<void> {
  const prefixes = names?.map((name) => snapshotPrefix(run, name)) ?? [`${snapshotsPrefix(run)}${movePrefix}`];
  const objects = await store.list(snapshotsPrefix(run));
  for (const { name } of objects) if (prefixes.some((prefix) => name.startsWith(prefix))) await store.remove(name);
}

async function clearAway(store: SnapshotStore, run: string, keep: number): Promise<void> {
  const { remove } = decideRetention(run, await store.list(snapshotsPrefix(run)), keep);
  for (const name of remove) await store.remove(name);
}

/** @throws ShoalError run_not_found, snapshot_corrupt - with the snapshot before it, where there is one; store_unavailable */
async function lookUp(
  store: SnapshotStore,
  run: string,
  wanted: string | null,
): Promise<{ readonly manifest: SnapshotManifest; readonly attempt: number }> {
  const objects = await store.list(snapshotsPrefix(run));
  const { whole } = decideRetention(run, objects, 1);
  const snapshot = wanted ?? whole.at(-1);
  if (snapshot === undefined) {
    throw new ShoalError("run_not_found", `${store.place} has no snapshot of run ${run}`, { run });
  }
  const bytes = await store.read(manifestName(run, snapshot));
  if (bytes === undefined) {
    const list = whole.length === 0 ? "" : `; there are ${whole.slice(-16).join(", ")}`;
    throw new ShoalError("run_not_found", `${store.place} has no snapshot ${snapshot} of run ${run}${list}`, { run });
  }
  try {
    const manifest = parseManifest(run, snapshot, bytes);
    const missing = firstMissing(run, snapshot, [...manifest.shards, ...(manifest.slotStates ?? [])], objects);
    if (missing !== undefined) throw new ShoalError("snapshot_corrupt", missing, { run });
    const attempts = whole.map((each) => attemptOf(each) ?? 0);
    return { manifest, attempt: Math.max(...attempts) + 1 };
  } catch (error) {
    if (!isShoalError(error, "snapshot_corrupt")) throw error;
    const sentence = error.message.replace(/^\[[a-z_]+\] /, "");
    throw new ShoalError("snapshot_corrupt", `${sentence}; ${offer(whole, snapshot)}`, { ...error.details, run });
  }
}

function offer(whole: readonly string[], snapshot: string): string {
  const before = snapshotBefore(whole, snapshot);
  return before === undefined ? "there is none before it" : `the one before is ${before} (--from ${before})`;
}
