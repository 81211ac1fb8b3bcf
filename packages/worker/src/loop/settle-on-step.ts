/** Makes sure that pulled values are of one synchronous step. */
import { isShoalError, ShoalError } from "@shoal/errors";
import type { ShardVersions } from "../client/contribution.ts";
import type { ParameterClient } from "../client/parameter-client.ts";
import type { PulledValues } from "./training-loop.ts";

/**
 * Pulls again until all shards' values are of one version. They differ when others finished steps without this worker
 * while it pulled, or when the workers of a step died before it reached every shard. In either case the older version is one
 * that this worker can go on from, if those who are further still keep it: what it then contributes has the same bits, and
 * who has it already passes it over. Where they do not, the newest version is one that every shard reaches, as long as
 * somebody who is in the step before it is left.
 * @param lastStep number of synchronous steps: beyond it (after a warm-up) versions need not agree
 * @throws ShoalError run_failed - nobody is: some shards have applied the step, and its values are gone with its workers
 */
export async function settleOnStep(
  client: Pick<ParameterClient, "pull">,
  { buffer, versions: pulled }: PulledValues,
  lastStep: number,
): Promise<PulledValues> {
  let versions = pulled;
  const settled = (): boolean => new Set(versions.map((version) => Math.min(lastStep, version))).size === 1;
  for (;;) {
    if (settled()) return { buffer, versions };
    const into = buffer.values;
    versions = await client.pull({ clock: Math.min(...versions), exact: true, into });
    if (settled()) return { buffer, versions };
    try {
      versions = await client.pull({ clock: Math.min(lastStep, Math.max(...versions)), into });
    } catch (error) {
      throw isHeldByShard(error) ? halfApplied(versions, error) : error;
    }
  }
}

/** True when a shard said for whom it waits: a shard that cannot be reached says nothing. */
function isHeldByShard(error: unknown): error is ShoalError<"deadline_exceeded"> {
  return (
    isShoalError(error, "deadline_exceeded") && error.details["waitingFor"] !== undefined && "waiter" in error.details
  );
}

function halfApplied(versions: ShardVersions, cause: ShoalError<"deadline_exceeded">): ShoalError {
  const step = Math.max(...versions) - 1;
  const sentence =
    `step ${step} is half applied (the shards are at versions ${versions.join(", ")}), and no worker that had its ` +
    `values is left to finish it: ${cause.message}`;
  return new ShoalError("run_failed", sentence, { ...cause.details, step }, { cause });
}
