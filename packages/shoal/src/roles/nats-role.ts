/** `shoal nats-server`: nats-server with a guardian that ends it when the cluster's keeper dies. */
import { ShoalError } from "@shoal/errors";
import { requireToken } from "../cluster/cluster-address.ts";
import { startNatsServer } from "../cluster/nats-server.ts";
import { reportReady, stopRequested } from "../cluster/parent-watch.ts";
import type { Environment } from "../environment/folders.ts";

/** @param port -1 lets it choose */
export async function runNatsServer(port: number, environment: Environment): Promise<void> {
  const stop = stopRequested();
  const server = await startNatsServer({ token: requireToken(environment), environment, port });
  reportReady({ url: server.url, pid: String(server.pid), folder: server.folder });
  const ended = await Promise.race([stop.then(() => null), server.exited]);
  await server.stop();
  if (ended !== null) throw new ShoalError("transport_lost", `nats-server is gone: ${ended}`);
}
