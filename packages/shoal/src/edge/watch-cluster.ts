/** What becomes of the cluster that `shoal edge` serves: it may go away and come back, or have ended. */
import type { NatsConnection } from "@nats-io/nats-core";
import { ShoalError } from "@shoal/errors";
import type { ClusterAddress } from "../cluster/cluster-address.ts";
import { isKeptUp } from "../cluster/cluster-file.ts";

/**
 * @param log - told in a sentence when the connection is lost, and when it is back
 * @returns settles when `shoal up` has ended on this machine: another one has another address and another token
 */
export async function watchCluster(
  connection: NatsConnection,
  address: ClusterAddress,
  log: (sentence: string) => void,
): Promise<ShoalError> {
  const { cluster, pid } = address;
  let isAway = false;
  // While it is away, each attempt to connect again is told of.
  for await (const { type } of connection.status()) {
    if (type === "disconnect" && !isAway) {
      isAway = true;
      log(`the connection to cluster ${cluster} is lost; clients wait until it is back`);
    }
    if (type === "reconnect" && isAway) {
      isAway = false;
      log(`the connection to cluster ${cluster} is back`);
    }
    if (!isAway || pid === undefined || isKeptUp({ pid })) continue;
    return new ShoalError("transport_lost", `cluster ${cluster} has ended; start it and shoal edge again`, { cluster });
  }
  // Closed by ourselves.
  return new Promise(() => undefined);
}
