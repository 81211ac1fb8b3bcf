/** `shoal server`: a parameter server as a process, its shards behind gRPC. */
import { coordinatorAddress, type CoordinatorMessage } from "@shoal/protocol";
import { createParameterRpcServer, startServer, type ParameterRpcServer } from "@shoal/ps-server";
import { createGrpcReplicaLinkFactory } from "@shoal/worker";
import { openSnapshotStore } from "../snapshots/open-store.ts";
import { createNodeKit } from "./node-kit.ts";
import { runRole, type RoleOptions } from "./run-role.ts";

export interface ServerRoleOptions extends RoleOptions {
  /** Interface and port to listen on; port 0 is chosen by the system. */
  readonly host: string;
  readonly port: number;
  /** `host:port` that workers reach this server at; null: what it listens on. */
  readonly advertise: string | null;
}

export async function runServer(options: ServerRoleOptions): Promise<void> {
  await runRole(options, async ({ system, nats }, token) => {
    const kit = await createNodeKit();
    const snapshots = openSnapshotStore({ ...options, nats });
    const coordinator = system.ref<CoordinatorMessage>(coordinatorAddress);
    let rpc: ParameterRpcServer | undefined;
    let endpoint = "";
    const server = await startServer({
      ...kit,
      system,
      coordinator,
      snapshots,
      // A server speaks to the holders of its shards' copies as a worker speaks to it; only this room knows both.
      replicaLinks: createGrpcReplicaLinkFactory({ token, clock: system.clock }),
      expose: async (shards, lines) => {
        const onGone = (speaker: string): void => lines.broke(speaker);
        rpc = createParameterRpcServer({ ...kit, shards, token, clock: system.clock, onGone });
        const listening = await rpc.listen({ host: options.host, port: options.port });
        endpoint = options.advertise ?? listening;
        return endpoint;
      },
    });
    return {
      detail: { endpoint },
      joined: server.joined,
      drain: () => server.drain(),
      close: async () => {
        await server.close();
        await rpc?.close();
      },
    };
  });
}
