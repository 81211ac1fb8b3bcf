/** `shoal server`: a parameter server as a process, its shards behind gRPC. */
import { coordinatorAddress, type CoordinatorMessage } from "@shoal/protocol";
import { createParameterRpcServer, startServer } from "@shoal/ps-server";
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
  await runRole(options, async ({ system }, token) => {
    const kit = await createNodeKit();
    const rpc = createParameterRpcServer({ ...kit, token, clock: system.clock });
    const listening = await rpc.listen({ host: options.host, port: options.port });
    const endpoint = options.advertise ?? listening;
    const coordinator = system.ref<CoordinatorMessage>(coordinatorAddress);
    const server = await startServer({ ...kit, system, coordinator, endpoint });
    rpc.serve(server.host);
    return {
      detail: { endpoint },
      close: async () => {
        await server.close();
        await rpc.close();
      },
    };
  });
}
