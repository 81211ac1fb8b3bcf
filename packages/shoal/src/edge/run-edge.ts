/** `shoal edge`, put together: the cluster's connection, a nats-server for clients, and the server of the page. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { isShoalError, type ShoalError } from "@shoal/errors";
import type { ClusterAddress } from "../cluster/cluster-address.ts";
import { connectToCluster, type ClusterConnection } from "../cluster/cluster-connection.ts";
import { startChild } from "../cluster/child-node.ts";
import { describeCluster } from "../cluster/explain-run.ts";
import { hasEnded } from "../cluster/follow-run.ts";
import { leafAddress } from "../cluster/leaf-address.ts";
import type { Environment } from "../environment/folders.ts";
import { readCertificate } from "./certificate.ts";
import { startEdgeServer, type EdgeServer, type EdgeTasks } from "./edge-server.ts";
import { checkFederatedRun } from "./federated-run.ts";
import { startLastingNats } from "./lasting-nats.ts";
import { createEdgeIdentity } from "./nats-identity.ts";
import { pageFolder, readPageFiles } from "./page-files.ts";
import { ticketKey } from "./ticket-key.ts";
import { trustVariable } from "./trust-variable.ts";
import { watchCluster } from "./watch-cluster.ts";

export interface EdgeOptions {
  readonly address: ClusterAddress;
  readonly leaf: string | undefined;
  /** undefined: the run that is under way. */
  readonly task: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly origins: readonly string[];
  readonly isOpen: boolean;
  /** See `EdgeServerOptions`. */
  readonly perAddress: number;
  readonly environment: Environment;
  /** Told in a sentence what happens on the way. */
  readonly log: (sentence: string) => void;
}

export interface Edge {
  readonly origin: string;
  /** Settles when it cannot go on; it must still be stopped. */
  readonly lost: Promise<ShoalError>;
  stop(): Promise<void>;
}

/** The coordinator is asked again which run is under way after this. */
const taskFreshMs = 1_000;

/** @throws ShoalError transport_lost, unauthenticated - no cluster; run_not_found; port_in_use; missing_tool - nats-server, or the page */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const { address, environment, host, port, origins, isOpen } = options;
  const { cluster, token } = address;
  const files = readPageFiles(await pageFolder(edgeClientFolder()));
  const certificate = options.tls === undefined ? undefined : readCertificate(options.tls, origins, Date.now());
  for (const stranger of certificate?.strangers ?? []) {
    options.log(
      `the certificate is not for ${stranger}: browsers refuse the page there, unless a proxy has another one`,
    );
  }
  const key = ticketKey(cluster, environment);
  const identity = createEdgeIdentity(Date.now());
  const owned = new AsyncDisposableStack();
  try {
    const connection = await connectToCluster(address);
    owned.defer(() => connection.close());
    if (options.task !== undefined) await checkFederatedRun(connection, options.task);
    const nats = await startLastingNats({
      start: (signal) =>
        startChild({
          signal,
          name: "nats-server for clients",
          command: [binary(), "nats-server", "--edge", leafAddress(address, options.leaf)],
          environment: { ...environment, SHOAL_TOKEN: token, [trustVariable]: JSON.stringify(identity.trust) },
        }),
      log: options.log,
    });
    owned.defer(() => nats.stop());
    const isFixed = options.task !== undefined;
    const server: EdgeServer = await startEdgeServer({
      ...{
        host,
        port,
        tls: certificate?.tls,
        origins,
        cluster,
        isOpen,
        perAddress: options.perAddress,
        ticketKey: key,
        identity,
        door: () => nats.door,
        files,
        tasks: knownTasks(connection, options.task),
        isFixed,
        now: Date.now,
        log: options.log,
      },
    });
    owned.defer(() => server.close());
    const lost = Promise.race([nats.lost, watchCluster(connection.nats, address, options.log)]);
    const stack = owned.move();
    return { origin: server.origin, lost, stop: () => stack.disposeAsync() };
  } catch (error) {
    await owned.disposeAsync();
    throw error;
  }
}

/**
 * The first federated run that has not ended, and how others have. Asked at most once a second, however many clients come.
 * @param fixed - the run to serve, whatever else goes on
 */
function knownTasks({ system, coordinator }: ClusterConnection, fixed: string | undefined): () => Promise<EdgeTasks> {
  let known: { readonly atMs: number; readonly tasks: Promise<EdgeTasks> } | undefined;
  const ask = async (): Promise<EdgeTasks> => {
    try {
      const { runs } = await describeCluster(system, coordinator);
      const ends = new Map(runs.filter(hasEnded).map(({ run, phase }) => [run, phase]));
      const first = runs.find((run) => run.federated === true && !hasEnded(run));
      return { now: fixed ?? first?.run, endOf: (run) => ends.get(run) };
    } catch (error) {
      // Without a coordinator nobody knows of a task; clients ask again.
      if (isShoalError(error)) return { now: fixed, endOf: () => undefined };
      throw error;
    }
  };
  return () => {
    const now = Date.now();
    if (known === undefined || now - known.atMs > taskFreshMs) known = { atMs: now, tasks: ask() };
    return known.tasks;
  };
}

function edgeClientFolder(): string {
  return dirname(fileURLToPath(import.meta.resolve("@shoal/edge-client/package.json")));
}

function binary(): string {
  return fileURLToPath(import.meta.resolve(import.meta.url.endsWith(".ts") ? "../bin.ts" : "../bin.js"));
}
