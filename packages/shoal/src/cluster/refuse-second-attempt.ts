/** One attempt of a run at a time: two would each name their snapshots the run's newest. */
import { isShoalError, ShoalError } from "@shoal/errors";
import type { Environment } from "../environment/folders.ts";
import { connectToCluster } from "./cluster-connection.ts";
import { liveClusters, type ClusterFile } from "./cluster-file.ts";
import { describeRun, hasEnded } from "./follow-run.ts";

/**
 * Asks the clusters of this machine; those of others cannot be known, and one that does not answer trains nothing.
 * @throws ShoalError invalid_argument - one of them has the run under way
 */
export async function refuseSecondAttempt(run: string, environment: Environment): Promise<void> {
  for (const file of liveClusters(environment)) {
    const phase = await phaseOn(file, run);
    if (phase === null) continue;
    const sentence = `run ${run} is ${phase} on cluster ${file.cluster}: cancel it there before it goes on elsewhere`;
    throw new ShoalError("invalid_argument", sentence, { run });
  }
}

/** Null: it is not under way there. */
async function phaseOn(file: ClusterFile, run: string): Promise<string | null> {
  try {
    const connection = await connectToCluster(file);
    try {
      const status = await describeRun(connection.system, connection.coordinator, run);
      return hasEnded(status) ? null : status.phase;
    } finally {
      await connection.close();
    }
  } catch (error) {
    if (isShoalError(error)) return null;
    throw error;
  }
}
