/** What follows from a change of the coordinator's state for the place where snapshots are kept. */
import type { ClusterState } from "../cluster-state.ts";
import { hasEnded, type RunState } from "../runs/run-state.ts";
import { moveNames } from "../runs/slot-moves/describe-moves.ts";
import { isCutFrom } from "../seats/split-stages.ts";
import { bytesOf, composeManifest } from "./compose-manifest.ts";
import { keepsSlotStates } from "./slot-states.ts";
import type { KeeperCommand } from "./snapshot-keeper.ts";

/** Snapshots that are kept where the job does not say. */
const defaultKeep = 3;

/** @param before undefined: this coordinator has just begun */
export function keeperTasks(
  before: ClusterState | undefined,
  after: ClusterState,
  now: number,
): readonly KeeperCommand[] {
  if (before?.runs === after.runs) return [];
  return [...after.runs.values()].flatMap((run) => {
    const old = before?.runs.get(run.run);
    return old === run
      ? []
      : [...publishing(old, run, now), ...lookingUp(old, run), ...ending(old, run, now), ...clearing(old, run)];
  });
}

function publishing(old: RunState | undefined, run: RunState, now: number): readonly KeeperCommand[] {
  const { underWay } = run.snapshots;
  if (underWay === null || underWay.publishingSinceMs === null) return [];
  const former = old?.snapshots.underWay;
  if (former?.snapshot === underWay.snapshot && former.publishingSinceMs !== null) return [];
  const manifest = composeManifest(run, underWay, now);
  if (manifest === undefined) return [];
  const bytes = bytesOf(manifest);
  const { snapshot, step, loss } = manifest;
  const pointer = { format: 1, run: run.run, name: run.job.name, snapshot, step, loss, bytes } as const;
  const keep = run.job.durability.snapshots?.keep ?? defaultKeep;
  return [
    {
      type: "publish",
      manifest,
      pointer: { ...pointer, phase: run.phase, atMs: now },
      keep,
      isAwaited: isCutFrom(run),
    },
  ];
}

function lookingUp(old: RunState | undefined, run: RunState): readonly KeeperCommand[] {
  if (run.phase !== "queued" || run.origin?.kind !== "wanted" || old?.origin === run.origin) return [];
  return [{ type: "look_up", run: run.run, snapshot: null, request: { kind: "run" } }];
}

function ending(old: RunState | undefined, run: RunState, now: number): readonly KeeperCommand[] {
  const isNew = old !== undefined && old.phase !== run.phase && (hasEnded(run) || run.phase === "training");
  const isKnown = run.snapshots.newest !== null || run.origin !== null;
  return isNew && isKnown ? [{ type: "note_phase", run: run.run, phase: run.phase, atMs: now }] : [];
}

/** What slots kept on their way, when they have arrived; all of it when the run is over, or begins again. */
function clearing(old: RunState | undefined, run: RunState): readonly KeeperCommand[] {
  if (old === undefined) return [];
  if (!hasEnded(old) && hasEnded(run) && keepsSlotStates(run.job))
    return [{ type: "clear_moves", run: run.run, names: null }];
  if (old.slotMoves === run.slotMoves) return [];
  const names = moveNames(run);
  const gone = [...moveNames(old)].filter((name) => !names.has(name));
  return gone.length === 0 ? [] : [{ type: "clear_moves", run: run.run, names: gone }];
}
