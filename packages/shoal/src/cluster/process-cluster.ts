/**
 * A real cluster of processes on this machine: nats-server, coordinator, servers and workers, each a child process, on
 * loopback ports that the system chooses.
 *
 * Invariants
 *   P1  Nothing outlives this process: children end when their IPC channel closes; nats-server has a guardian.
 *   P2  A role that ends unasked is started again, at most `restarts` times each, and said so.
 */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Environment } from "../environment/folders.ts";
import { startChild, type ChildNode } from "./child-node.ts";
import { writeClusterFile, type ClusterFile } from "./cluster-file.ts";

const stopGraceMs = 1_000;

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
  /** Told of every start, end and restart of a node, in a sentence. */
  readonly log: (sentence: string) => void;
}

export interface ProcessCluster {
  readonly file: ClusterFile;
  /** Process id of each node that runs now, by name. */
  pids(): ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** @throws ShoalError of the first node that did not start; everything started before it has been ended */
export async function startProcessCluster(options: ProcessClusterOptions): Promise<ProcessCluster> {
  const bin = fileURLToPath(import.meta.resolve(import.meta.url.endsWith(".ts") ? "../bin.ts" : "../bin.js"));
  const token = randomBytes(24).toString("base64url");
  const environment = { ...options.environment, SHOAL_TOKEN: token };
  const nodes = new Map<string, ChildNode>();
  let stopping = false;

  const start = async (name: string, command: readonly string[], restarts: number): Promise<ChildNode> => {
    const node = await startChild({ name, command: [bin, ...command], environment });
    nodes.set(name, node);
    void node.exited.then(async (how) => {
      nodes.delete(name);
      if (stopping) return;
      if (restarts === 0) return options.log(`${name} ${how}; it is not started again`);
      options.log(`${name} ${how}; starting it again`);
      await start(name, command, restarts - 1).catch((error: unknown) => options.log(String(error)));
    });
    return node;
  };

  const stop = async (): Promise<void> => {
    stopping = true;
    removeFile();
    const [nats, roles] = [nodes.get("nats"), [...nodes].filter(([name]) => name !== "nats")];
    // The roles first: they say goodbye over the bus.
    await Promise.all(roles.map(([, node]) => node.stop(stopGraceMs)));
    await nats?.stop(stopGraceMs);
  };
  let removeFile: () => void = () => undefined;

  try {
    const nats = await start("nats", ["nats-server", "--port", String(options.natsPort)], 0);
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
    const file = { cluster: options.cluster, nats: address, token, pid: process.pid };
    removeFile = writeClusterFile(file, options.environment);
    return { file, pids: () => new Map([...nodes].map(([name, node]) => [name, node.pid])), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
