/**
 * A real cluster of processes on this machine: nats-server, coordinator, servers and workers, each a child process, on
 * loopback ports that the system chooses.
 *
 * Invariants
 *   P1  Nothing outlives this process: children end when their IPC channel closes; nats-server has a guardian, and
 *       when the guardian is killed its part is done here.
 *   P2  A role that ends unasked is started again, at most `restarts` times each, and said so.
 *   P3  nats-server is not started again: what it kept is gone with it, so the cluster ends.
 *   P4  One keeper a cluster: a second one of the same name does not start.
 */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { ShoalError } from "@shoal/errors";
import type { Environment } from "../environment/folders.ts";
import { startChild, type ChildNode } from "./child-node.ts";
import { refuseSecondKeeper, writeClusterFile, type ClusterFile } from "./cluster-file.ts";
import { cleanUpAfter } from "./nats-guardian.ts";

const stopGraceMs = 1_000;
const natsName = "nats";

export interface ProcessClusterOptions {
  readonly cluster: string;
  readonly workers: number;
  readonly servers: number;
  readonly runsFolder: string;
  /** Folder of data sets, or undefined for the cache and downloads. */
  readonly dataFolder: string | undefined;
  /** -1 lets the system choose. */
  readonly natsPort: number;
  /** How often a role that ended unasked is started again. */
  readonly restarts: number;
  readonly environment: Environment;
  /** Calls the start off: what has been started is ended. */
  readonly signal?: AbortSignal;
  /** Told of every start, end and restart of a node, in a sentence. */
  readonly log: (sentence: string) => void;
}

export interface ProcessCluster {
  readonly file: ClusterFile;
  /** Process id of each node that runs now, by name. */
  pids(): ReadonlyMap<string, number>;
  /** Settles with the reason when the cluster cannot go on; it must still be stopped. */
  readonly lost: Promise<ShoalError>;
  stop(): Promise<void>;
}

/**
 * @throws ShoalError cluster_exists - a cluster of this name is up
 * @throws ShoalError cancelled - by the signal
 * @throws ShoalError of the first node that did not start; everything started before it has been ended
 */
export async function startProcessCluster(options: ProcessClusterOptions): Promise<ProcessCluster> {
  refuseSecondKeeper(options.cluster, options.environment);
  const bin = fileURLToPath(import.meta.resolve(import.meta.url.endsWith(".ts") ? "../bin.ts" : "../bin.js"));
  const token = randomBytes(24).toString("base64url");
  const environment = { ...options.environment, SHOAL_TOKEN: token };
  const nodes = new Map<string, ChildNode>();
  const lost = Promise.withResolvers<ShoalError>();
  let stopping = false;

  const start = async (name: string, command: readonly string[], restarts: number): Promise<ChildNode> => {
    const node = await startChild({ name, command: [bin, ...command], environment, signal: options.signal });
    nodes.set(name, node);
    void node.exited.then(async (how) => {
      nodes.delete(name);
      if (stopping) return;
      if (name === natsName) return lost.resolve(natsLost(node, how));
      if (restarts === 0) return options.log(`${name} ${how}; it is not started again`);
      options.log(`${name} ${how}; starting it again`);
      try {
        await start(name, command, restarts - 1);
        options.log(`${name} serves again`);
      } catch (error) {
        options.log(`${name} cannot be started again: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
    return node;
  };

  const stop = async (): Promise<void> => {
    stopping = true;
    removeFile();
    const [nats, roles] = [nodes.get(natsName), [...nodes].filter(([name]) => name !== natsName)];
    // The roles first: they say goodbye over the bus.
    await Promise.all(roles.map(([, node]) => node.stop(stopGraceMs)));
    await nats?.stop(stopGraceMs);
  };
  let removeFile: () => void = () => undefined;

  try {
    const nats = await start(natsName, ["nats-server", "--port", String(options.natsPort)], 0);
    const address = nats.detail["url"] ?? "";
    const shared = ["--nats", address, "--cluster", options.cluster, "--runs", options.runsFolder];
    const data = options.dataFolder === undefined ? [] : ["--data", options.dataFolder];
    await start("coordinator", ["coordinator", ...shared], options.restarts);
    const names = (role: string, count: number): string[] =>
      Array.from({ length: count }, (_, i) => `${role}-${i + 1}`);
    await Promise.all([
      ...names("server", options.servers).map((name) =>
        start(name, ["server", "--node", name, ...shared], options.restarts),
      ),
      ...names("worker", options.workers).map((name) =>
        start(name, ["worker", "--node", name, ...shared, ...data], options.restarts),
      ),
    ]);
    const { leaf } = nats.detail;
    const file = { cluster: options.cluster, nats: address, leaf, token, pid: process.pid };
    removeFile = writeClusterFile(file, options.environment);
    return { file, pids: () => new Map([...nodes].map(([name, node]) => [name, node.pid])), lost: lost.promise, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function natsLost(guardian: ChildNode, how: string): ShoalError {
  cleanUpAfter(guardian);
  return new ShoalError("transport_lost", `without nats-server the cluster cannot go on: ${natsName} ${how}`, {
    node: natsName,
  });
}
