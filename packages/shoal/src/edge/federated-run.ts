/** Whether clients can take part in a run. */
import { ShoalError } from "@shoal/errors";
import type { ClusterConnection } from "../cluster/cluster-connection.ts";
import { describeRun, hasEnded } from "../cluster/follow-run.ts";

/** @throws ShoalError run_not_found; invalid_argument - it is not federated, or has ended */
export async function checkFederatedRun(
  { system, coordinator }: Pick<ClusterConnection, "system" | "coordinator">,
  run: string,
): Promise<void> {
  const status = await describeRun(system, coordinator, run);
  if (status.federated !== true) {
    const sentence = `run ${run} has no clients: its workers have the data. A federated job says job.federated, see docs/federated.md`;
    throw new ShoalError("invalid_argument", sentence, { run });
  }
  if (!hasEnded(status)) return;
  throw new ShoalError("invalid_argument", `run ${run} has ended: ${status.phase}; submit it again`, { run });
}
