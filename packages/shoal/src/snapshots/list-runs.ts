/** Runs that left snapshots, as their place tells. */
import { ShoalError } from "@shoal/errors";
import {
  parsePointer,
  pointerName,
  readManifestName,
  snapshotPrefix,
  type RunPhase,
  type SnapshotStore,
} from "@shoal/protocol";

export interface KeptRun {
  readonly run: string;
  /** When its pointer was written last, ms since the Unix epoch; null: the pointer cannot be read. */
  readonly atMs: number | null;
  readonly step: number | null;
  readonly loss: number | null;
  /** As it was when its coordinator last wrote it down: a run that was killed still says `training`. */
  readonly phase: RunPhase | null;
  /** Of all its snapshots. */
  readonly bytes: number;
  /** Whole snapshots, the newest last. */
  readonly snapshots: readonly string[];
  readonly problem: string | null;
}

/** The newest first. @throws ShoalError store_unavailable */
export async function listRuns(store: SnapshotStore): Promise<readonly KeptRun[]> {
  const objects = await store.list("");
  const whole = new Map<string, string[]>();
  for (const { name } of objects) {
    const found = readManifestName(name);
    if (found !== undefined) whole.set(found.run, [...(whole.get(found.run) ?? []), found.snapshot]);
  }
  const runs = await Promise.all(
    [...whole].map(async ([run, names]): Promise<KeptRun> => {
      const snapshots = names.toSorted();
      const prefixes = snapshots.map((snapshot) => snapshotPrefix(run, snapshot));
      const own = objects.filter(({ name }) => prefixes.some((prefix) => name.startsWith(prefix)));
      const bytes = own.reduce((sum, object) => sum + object.bytes, 0);
      return { run, bytes, snapshots, ...(await readState(store, run)) };
    }),
  );
  return runs.toSorted((a, b) => (b.atMs ?? 0) - (a.atMs ?? 0) || a.run.localeCompare(b.run));
}

async function readState(
  store: SnapshotStore,
  run: string,
): Promise<Pick<KeptRun, "atMs" | "step" | "loss" | "phase" | "problem">> {
  const nothing = { atMs: null, step: null, loss: null, phase: null };
  try {
    const stored = await store.readPointer(pointerName(run));
    if (stored === undefined) return { ...nothing, problem: "its newest snapshot is not named" };
    const { atMs, step, loss, phase } = parsePointer(run, stored.text);
    return { atMs, step, loss, phase, problem: null };
  } catch (error) {
    return { ...nothing, problem: ShoalError.from(error).message };
  }
}
