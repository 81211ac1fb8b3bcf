/** `shoal nats-server`: nats-server with a guardian that ends it when its keeper dies. */
import { ShoalError } from "@shoal/errors";
import { z } from "zod";
import { requireToken } from "../cluster/cluster-address.ts";
import type { NatsProcess } from "../cluster/nats-process.ts";
import { startNatsServer } from "../cluster/nats-server.ts";
import { reportReady, stopRequested } from "../cluster/parent-watch.ts";
import { startEdgeNats } from "../edge/edge-nats.ts";
import type { EdgeTrust } from "../edge/nats-identity.ts";
import { trustVariable } from "../edge/trust-variable.ts";
import type { Environment } from "../environment/folders.ts";

/** @param port -1 lets it choose */
export async function runNatsServer(port: number, environment: Environment): Promise<void> {
  const stop = stopRequested();
  const server = await startNatsServer({ token: requireToken(environment), environment, port });
  await guard(server, { url: server.url, leaf: server.leaf }, stop);
}

const trustSchema: z.ZodType<EdgeTrust> = z.object({
  ...{ operator: z.string(), account: z.string(), accountClaims: z.string() },
});

/** @param leaf - `nats-leaf://HOST:PORT` of the cluster's nats-server */
export async function runEdgeNats(leaf: string, environment: Environment): Promise<void> {
  const stop = stopRequested();
  const trust = trustSchema.parse(JSON.parse(environment[trustVariable] ?? "{}"));
  const server = await startEdgeNats({ environment, trust, leaf, token: requireToken(environment) });
  await guard(server, { websocket: server.doors.websocket ?? "" }, stop);
}

/** Until it is told to stop, or the server ends by itself. */
async function guard(
  server: Omit<NatsProcess, "doors">,
  detail: Readonly<Record<string, string>>,
  stop: Promise<string>,
): Promise<void> {
  reportReady({ ...detail, pid: String(server.pid), folder: server.folder });
  const ended = await Promise.race([stop.then(() => null), server.exited]);
  await server.stop();
  if (ended !== null) throw new ShoalError("transport_lost", `nats-server is gone: ${ended}`);
}
