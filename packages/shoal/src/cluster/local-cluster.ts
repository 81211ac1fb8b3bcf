/**
 * A whole cluster in this process: the same actors as everywhere, on an in-process bus, with in-process links and one
 * kernel memory. Each worker computes in a thread of its own.
 */
import {
  createActorSystem,
  createInProcessBus,
  createMemoryStore,
  createSystemRandom,
  systemClock,
  type ActorSystem,
  type Bus,
  type Ref,
} from "@shoal/actors";
import { startCoordinator } from "@shoal/coordinator";
import { coordinatorAddress, coordinatorNode, type CoordinatorMessage, type ShardDirectory } from "@shoal/protocol";
import { startServer } from "@shoal/ps-server";
import { createInProcessLinkFactory, startWorker } from "@shoal/worker";
import type { Environment } from "../environment/folders.ts";
import { observeMailboxes } from "../telemetry/mailbox-metrics.ts";
import { createDatasetLoader, createNodeKit, writeModelFile } from "../roles/node-kit.ts";
import { awaitJoined } from "./await-joined.ts";
import { defaultCluster } from "./cluster-address.ts";

export interface LocalClusterOptions {
  readonly workers: number;
  readonly servers: number;
  readonly runsFolder: string;
  /** Folder of data sets, or undefined for the cache and downloads. */
  readonly dataFolder: string | undefined;
  readonly environment: Environment;
  /** Takes sentences for people: what was loaded, what failed. */
  readonly log: (sentence: string) => void;
}

export interface LocalCluster {
  /** The client's node, which is no member. */
  readonly system: ActorSystem;
  readonly coordinator: Ref<CoordinatorMessage>;
  /** Ends all actors and threads. */
  close(): Promise<void>;
}

interface Closable {
  close(): Promise<void>;
}

/**
 * Starts it; settles when every member has joined.
 * @throws RangeError when there is not at least one worker and one server
 */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  for (const role of ["workers", "servers"] as const) {
    const asked = options[role];
    if (!Number.isInteger(asked) || asked < 1)
      throw new RangeError(`${role} must be a whole number from 1, got ${asked}`);
  }
  const kit = await createNodeKit();
  const bus = createInProcessBus();
  const systems: ActorSystem[] = [];
  const roles: Closable[] = [];
  const observed: (() => void)[] = [];
  const node = (name: string): ActorSystem => {
    const system = createNode(bus, name, options.log);
    systems.push(system);
    observed.push(observeMailboxes(system));
    return system;
  };
  const client = node("client");
  const coordinator = client.ref<CoordinatorMessage>(coordinatorAddress);
  const close = async (): Promise<void> => {
    for (const end of observed.splice(0)) end();
    for (const role of roles.toReversed()) await role.close();
    await Promise.all(systems.toReversed().map((system) => system.stop()));
  };
  try {
    const store = createMemoryStore();
    roles.push(startCoordinator({ system: node(coordinatorNode), store, cluster: defaultCluster }));
    const directories = new Map<string, ShardDirectory>();
    for (const name of names("server", options.servers)) {
      const server = await startServer({ ...kit, system: node(name), coordinator, expose: () => name });
      directories.set(name, server.host);
      roles.push(server);
      await awaitJoined(name, server.joined);
    }
    const links = createInProcessLinkFactory({
      directoryOf: (endpoint) => directories.get(endpoint),
      memory: kit.memory,
      kernels: kit.kernels,
      clock: systemClock,
    });
    const loadDataset = createDatasetLoader(options);
    for (const name of names("worker", options.workers)) {
      const worker = startWorker({
        system: node(name),
        memory: kit.memory,
        modules: kit.modules,
        coordinator,
        links,
        loadDataset,
        writeModel: (run, bytes) => writeModelFile(options.runsFolder, run, bytes),
        computeKind: "thread",
      });
      roles.push(worker);
      await awaitJoined(name, worker.joined);
    }
    return { system: client, coordinator, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function createNode(bus: Bus, name: string, log: (sentence: string) => void): ActorSystem {
  return createActorSystem({
    node: name,
    bus,
    clock: systemClock,
    random: createSystemRandom(),
    onFailure: (failure) => log(`${failure.address}: ${failure.error.message} (${failure.decision.reason})`),
  });
}

function names(role: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${role}-${index + 1}`);
}
