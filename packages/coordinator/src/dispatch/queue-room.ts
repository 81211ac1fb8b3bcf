import { counted, ShoalError } from "@shoal/errors";
import type { ClusterState } from "../cluster-state.ts";
import type { CoordinatorSettings } from "../settings.ts";

/** @throws ShoalError no_capacity - too many runs are waiting */
export function checkRoom(cluster: ClusterState, settings: CoordinatorSettings): void {
  const queued = [...cluster.runs.values()].filter((run) => run.phase === "queued").length;
  if (queued < settings.queuedRuns) return;
  const sentence = `${counted(queued, "run is", "runs are")} waiting already, at most ${settings.queuedRuns} may`;
  throw new ShoalError("no_capacity", sentence, { queued });
}
