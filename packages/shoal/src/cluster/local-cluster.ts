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
import { counted, ShoalError } from "@shoal/errors";
import { startCoordinator } from "@shoal/coordinator";
import {
  coordinatorAddress,
  coordinatorNode,
  type CoordinatorMessage,
  type JobSpec,
  type ShardDirectory,
  type SnapshotStore,
} from "@shoal/protocol";
import { createInProcessReplicaLinks, startServer } from "@shoal/ps-server";
import { createInProcessLinkFactory, startWorker } from "@shoal/worker";
import type { Environment } from "../environment/folders.ts";
import { createInProcessPlane, type InProcessPlane } from "@shoal/federated";
import { createFederation } from "../federated/federate.ts";
import { createRoundFile, readLogPart } from "../federated/round-file.ts";
import { observeMailboxes } from "../telemetry/mailbox-metrics.ts";
import { createDatasetLoader, createNodeKit, readModelFile, writeModelFile, type NodeKit } from "../roles/node-kit.ts";
import { openSnapshotStore } from "../snapshots/open-store.ts";
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
  /** Lets clients of this process take part in a federated run. */
  readonly planeOf: (run: string) => InProcessPlane;
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
    if (!Number.isInteger(asked) || asked < 1) {
      throw new RangeError(`${role} must be a whole number from 1, got ${asked}`);
    }
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
  const close = async (): Promise<void> => {
    for (const end of observed.splice(0)) end();
    for (const role of roles.toReversed()) await role.close();
    await Promise.all(systems.toReversed().map((system) => system.stop()));
  };
  const client = node("client");
  const coordinator = client.ref<CoordinatorMessage>(coordinatorAddress);
  const snapshots = openSnapshotStore({ ...options, nats: undefined });
  const planes = new Map<string, InProcessPlane>();
  const planeOf = (run: string): InProcessPlane => {
    const plane = planes.get(run) ?? createInProcessPlane({ clock: systemClock });
    planes.set(run, plane);
    return plane;
  };
  const federatedStore = createMemoryStore();
  const federate = createFederation({
    ...{ ...kit, clock: systemClock, random: createSystemRandom(), log: options.log },
    snapshots,
    rounds: createRoundFile(options.runsFolder, options.log),
    openStore: async () => federatedStore,
    planeOf: (run) => planeOf(run).aggregator,
  });
  const site: Site = { kit, node, snapshots, federate, started: (role) => void roles.push(role) };
  try {
    const store = createMemoryStore();
    site.started(startCoordinator({ system: node(coordinatorNode), store, cluster: defaultCluster, snapshots }));
    const directories = await startServers(site, options.servers);
    await startWorkers(site, directories, options);
    return { system: client, coordinator, planeOf, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the roles of one process share. */
interface Site {
  readonly kit: NodeKit;
  readonly snapshots: SnapshotStore;
  readonly federate: ReturnType<typeof createFederation>;
  /** Makes a node of its own for a role. */
  readonly node: (name: string) => ActorSystem;
  /** Notes a role that has to be closed. */
  readonly started: (role: Closable) => void;
}

/** @returns where each server's shards are found, by its name */
async function startServers(site: Site, count: number): Promise<ReadonlyMap<string, ShardDirectory>> {
  const directories = new Map<string, ShardDirectory>();
  const directoryOf = (endpoint: string): ShardDirectory | undefined => directories.get(endpoint);
  const replicaLinks = createInProcessReplicaLinks({ directoryOf, clock: systemClock });
  for (const name of names("server", count)) {
    const system = site.node(name);
    const coordinator = system.ref<CoordinatorMessage>(coordinatorAddress);
    const server = await startServer({
      ...{ ...site.kit, system, coordinator, replicaLinks, snapshots: site.snapshots },
      expose: () => name,
    });
    site.started(server);
    directories.set(name, server.host);
    await awaitJoined(name, server.joined);
  }
  return directories;
}

async function startWorkers(
  site: Site,
  directories: ReadonlyMap<string, ShardDirectory>,
  options: LocalClusterOptions,
): Promise<void> {
  const { kit } = site;
  const links = createInProcessLinkFactory({
    directoryOf: (endpoint) => directories.get(endpoint),
    memory: kit.memory,
    kernels: kit.kernels,
    clock: systemClock,
  });
  const loadDataset = createDatasetLoader(options);
  for (const name of names("worker", options.workers)) {
    const system = site.node(name);
    const worker = startWorker({
      system,
      memory: kit.memory,
      modules: kit.modules,
      coordinator: system.ref<CoordinatorMessage>(coordinatorAddress),
      links,
      loadDataset,
      readModel: readModelFile,
      writeModel: (run, bytes) => writeModelFile(options.runsFolder, run, bytes),
      snapshots: site.snapshots,
      federate: site.federate,
      readRounds: (run, end) => readLogPart(options.runsFolder, run, end),
    });
    site.started(worker);
    await awaitJoined(name, worker.joined);
  }
}

/**
 * The job as it runs here: it starts when every worker is there.
 * @throws ShoalError invalid_job - it waits for more workers than there will ever be
 */
export function withAllWorkers(job: JobSpec, workers: number): JobSpec {
  const wanted = job.workers ?? workers;
  if (wanted <= workers) return { ...job, workers: wanted };
  const sentence = `job.workers: it waits for ${wanted} workers, and ${counted(workers, "is", "are")} started here`;
  throw new ShoalError("invalid_job", sentence, { field: "job.workers" });
}

/** What trains a job of clients. @param shoal how the command is called here */
export function federatedCommands(shoal: string): string {
  return `\`${shoal} up\`, \`${shoal} submit\` of this job, and \`${shoal} edge\``;
}

/**
 * @param instead commands that train it, as a sentence lists them
 * @throws ShoalError invalid_argument - clients train the job, and none can reach this process: rounds would wait without end
 */
export function refuseFederated(job: JobSpec, instead: string): void {
  if (job.federated === null) return;
  const sentence = `${job.name} is trained by clients, who take part through a cluster: ${instead}`;
  throw new ShoalError("invalid_argument", sentence, { field: "federated" });
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
