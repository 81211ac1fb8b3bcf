/** The job of a run that left snapshots. */
import { isShoalError } from "@shoal/errors";
import {
  manifestName,
  parseManifest,
  parsePointer,
  pointerName,
  type JobSpec,
  type SnapshotStore,
} from "@shoal/protocol";

/**
 * As its newest snapshot has it; every snapshot of a run has the same.
 * @returns undefined: nothing that can be read is there; whoever goes on with the run is told why
 * @throws ShoalError store_unavailable
 */
export async function keptJob(store: SnapshotStore, run: string): Promise<JobSpec | undefined> {
  try {
    const pointer = await store.readPointer(pointerName(run));
    if (pointer === undefined) return undefined;
    const { snapshot } = parsePointer(run, pointer.text);
    const bytes = await store.read(manifestName(run, snapshot));
    return bytes === undefined ? undefined : parseManifest(run, snapshot, bytes).job;
  } catch (error) {
    if (isShoalError(error, "snapshot_corrupt")) return undefined;
    throw error;
  }
}
