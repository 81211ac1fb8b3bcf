/** Makes sure that pulled values are of one synchronous step. */
import type { ParameterClient } from "../client/parameter-client.ts";
import type { PulledValues } from "./training-loop.ts";

/**
 * Pulls again until all shards' values are of one version. They differ when others finished steps without this worker
 * while it pulled; the newest of the versions is one that every shard reaches.
 */
export async function settleOnStep(
  client: Pick<ParameterClient, "pull">,
  { buffer, versions: pulled }: PulledValues,
): Promise<PulledValues> {
  let versions = pulled;
  for (;;) {
    const newest = Math.max(...versions);
    if (versions.every((version) => version === newest)) return { buffer, versions };
    versions = await client.pull({ clock: newest, into: buffer.values });
  }
}
