/** A client's connection to a cluster: a node of its own on the bus, and the coordinator's reference. */
import {
  connectNats,
  createActorSystem,
  createNatsBus,
  createSystemRandom,
  systemClock,
  type ActorSystem,
  type Ref,
} from "@shoal/actors";
import type { NatsConnection } from "@nats-io/nats-core";
import { coordinatorAddress, type CoordinatorMessage } from "@shoal/protocol";
import type { ClusterAddress } from "./cluster-address.ts";

export interface ClusterConnection {
  readonly system: ActorSystem;
  readonly coordinator: Ref<CoordinatorMessage>;
  /** The connection itself, for what else lives on it (the state store). */
  readonly nats: NatsConnection;
  /** Leaves the bus and closes the connection. */
  close(): Promise<void>;
}

/**
 * @param log takes a sentence for each failure of one of the node's actors
 * @param node name of this node; left out, a client's name that nobody else has
 * @throws ShoalError transport_lost, unauthenticated - the NATS server cannot be reached, or refuses the token
 */
export async function connectToCluster(
  address: ClusterAddress,
  node = `client-${crypto.randomUUID().slice(0, 8)}`,
  log: (sentence: string) => void = () => undefined,
): Promise<ClusterConnection> {
  const connection = await connectNats({ servers: address.nats, token: address.token, name: node });
  const system = createActorSystem({
    node,
    bus: createNatsBus({ connection, cluster: address.cluster, clock: systemClock }),
    clock: systemClock,
    random: createSystemRandom(),
    onFailure: (failure) => log(`${failure.address}: ${failure.error.message} (${failure.decision.reason})`),
  });
  await system.ready();
  return {
    system,
    nats: connection,
    coordinator: system.ref<CoordinatorMessage>(coordinatorAddress),
    async close() {
      await system.stop();
      await connection.close();
    },
  };
}
