/** A whole cluster of real actors in this process, whose members a test can add and cut off. */
import { ShoalError } from "@shoal/errors";
import {
  createActorSystem,
  createInProcessBus,
  createMemoryStore,
  createRandom,
  systemClock,
  type ActorFailure,
  type ActorSystem,
  type Bus,
  type Clock,
  type Ref,
  type StateStore,
} from "@shoal/actors";
import { startCoordinator, type CoordinatorHandle, type CoordinatorSettings } from "@shoal/coordinator";
import {
  createKernelMemory,
  instantiateKernels,
  loadKernelModules,
  type KernelMemory,
  type KernelModules,
  type Kernels,
} from "@shoal/kernels-wasm";
import { decodeModelFile, type Dataset, type ModelFile } from "@shoal/models";
import {
  coordinatorAddress,
  coordinatorNode,
  type CoordinatorMessage,
  type ExplainReply,
  type JobSpec,
  type LinkFactory,
  type RunReply,
  type RunStatus,
  type ShardDirectory,
  type SnapshotStore,
  type SubmitReply,
  type WaitExplanation,
} from "@shoal/protocol";
import {
  createInProcessReplicaLinks,
  createParameterRpcServer,
  startServer,
  type ParameterRpcServer,
  type ServerHandle,
  type ShardHost,
} from "@shoal/ps-server";
import {
  createGrpcLinkFactory,
  createGrpcReplicaLinkFactory,
  createInProcessLinkFactory,
  startWorker,
  type ComputePort,
  type WorkerHandle,
  type WorkerOptions,
} from "@shoal/worker";

const token = "a token for tests";
import { createCuttableBus, type CuttableBus } from "./cuttable-bus.ts";

export interface TrainingSite {
  readonly memory: KernelMemory;
  readonly modules: KernelModules;
  readonly kernels: Kernels;
}

/** One kernel memory with its kernels: share it among the clusters of a file. */
export async function createTrainingSite(): Promise<TrainingSite> {
  const modules = await loadKernelModules();
  const memory = createKernelMemory();
  return { memory, modules, kernels: instantiateKernels(modules, memory) };
}

export interface TrainingClusterOptions {
  readonly site: TrainingSite;
  readonly dataset: Dataset;
  readonly servers: number;
  readonly workers: number;
  readonly computeKind: "inline" | "thread";
  readonly settings?: Partial<CoordinatorSettings>;
  readonly retry?: WorkerOptions["retry"];
  /** What workers have left unsent, for those that come again; default: each keeps its own. */
  readonly states?: WorkerOptions["states"];
  /** What the workers' links are: calls by default, or gRPC over loopback. */
  readonly wire?: "in-process" | "grpc";
  /** An in-process bus by default. */
  readonly bus?: Bus;
  /** Where snapshots are kept; none are taken by default. */
  readonly snapshots?: SnapshotStore;
  /** The machine's clock by default. */
  readonly clock?: Clock;
  /** Another clock for some nodes. */
  readonly clockOf?: (node: string) => Clock;
  /** Puts something between the workers and their links. */
  readonly wrapLinks?: (links: LinkFactory) => LinkFactory;
  /** Puts something between a worker's training loop and its computing. */
  readonly wrapCompute?: (compute: ComputePort, worker: string) => ComputePort;
  /** Called with the finished model, before the run ends: its shards are still hosted. */
  readonly onModel?: (run: string) => Promise<void>;
}

export interface ClusterWorker {
  readonly name: string;
  readonly handle: WorkerHandle;
  /** Ends its actors without a goodbye, as a crash would. */
  kill(): Promise<void>;
}

export interface TrainingCluster {
  readonly servers: readonly ServerHandle[];
  /** How the shards are reached, without what a test puts in between. */
  readonly links: LinkFactory;
  /** Starts another server; settles when it can be reached. */
  addServer(name: string): Promise<ServerHandle>;
  /** Ends a server's actors without a goodbye, as a crash would: nobody reaches its shards any more. */
  killServer(name: string): Promise<void>;
  /** Ends the coordinator without a goodbye. */
  killCoordinator(): Promise<void>;
  /** Starts one where another was, on the same store. */
  startCoordinator(): void;
  readonly failures: readonly ActorFailure[];
  addWorker(name: string): ClusterWorker;
  submit(job: JobSpec): Promise<string>;
  /** Goes on with a run from a snapshot; null: its newest. */
  resume(run: string, snapshot?: string): Promise<string>;
  /** Asks for a snapshot. */
  snapshot(run: string): Promise<RunReply>;
  status(run: string): Promise<RunStatus>;
  /** What `shoal why` shows. */
  explain(run: string): Promise<WaitExplanation>;
  /** Waits until a run has ended. */
  ended(run: string, limitMs?: number): Promise<RunStatus>;
  /** The model file that a run wrote. */
  model(run: string): ModelFile;
  readonly workers: readonly ClusterWorker[];
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startTrainingCluster(options: TrainingClusterOptions): Promise<TrainingCluster> {
  const { site, dataset } = options;
  const { clock = systemClock } = options;
  const bus = createCuttableBus(options.bus ?? createInProcessBus());
  const systems: ActorSystem[] = [];
  const failures: ActorFailure[] = [];
  const node = (name: string): ActorSystem => {
    const onFailure = (failure: ActorFailure): void => void failures.push(failure);
    const ownClock = options.clockOf?.(name) ?? clock;
    const system = createActorSystem({ node: name, bus, clock: ownClock, random: createRandom(name), onFailure });
    systems.push(system);
    return system;
  };
  const client = node("client");
  const coordinator = client.ref<CoordinatorMessage>(coordinatorAddress);
  const settings = options.settings ?? {};
  const store = createMemoryStore();
  const headship = createHeadship(bus, store, settings, node, options.snapshots);
  const directories = new Map<string, ShardDirectory>();
  const servers: ServerHandle[] = [];
  const services = new Map<string, ParameterRpcServer>();
  const directoryOf = (endpoint: string): ShardDirectory | undefined => directories.get(endpoint);
  const replicaLinks =
    options.wire === "grpc"
      ? createGrpcReplicaLinkFactory({ clock, token })
      : createInProcessReplicaLinks({ directoryOf, clock });
  const addServer = async (name: string): Promise<ServerHandle> => {
    const system = node(name);
    const coordinator = system.ref<CoordinatorMessage>(coordinatorAddress);
    const expose = async (shards: ShardHost): Promise<string> => {
      if (options.wire !== "grpc") return system.node;
      const service = createParameterRpcServer({ ...site, shards, token, clock });
      services.set(name, service);
      return service.listen({ host: "127.0.0.1", port: 0 });
    };
    const server = await startServer({
      ...{ ...site, system, coordinator, replicaLinks, expose },
      snapshots: options.snapshots,
    });
    directories.set(system.node, server.host);
    servers.push(server);
    return server;
  };
  const killServer = async (name: string): Promise<void> => {
    bus.cut(name);
    directories.delete(name);
    await services.get(name)?.close();
    await systems.findLast((system) => system.node === name)?.stop();
  };
  for (let index = 1; index <= options.servers; index += 1) await addServer(`server-${index}`);
  const inProcess = createInProcessLinkFactory({
    directoryOf,
    memory: site.memory,
    kernels: site.kernels,
    clock,
  });
  const plain = options.wire === "grpc" ? createGrpcLinkFactory({ clock, token }) : inProcess;
  const links = options.wrapLinks?.(plain) ?? plain;
  const models = new Map<string, Uint8Array>();
  const workers: ClusterWorker[] = [];
  const addWorker = (name: string): ClusterWorker => {
    const system = node(name);
    const handle = startWorker({
      ...site,
      system,
      coordinator: system.ref<CoordinatorMessage>(coordinatorAddress),
      links,
      loadDataset: () => Promise.resolve(dataset),
      readModel: async (file) => await readKept(models, file),
      writeModel: async (run, bytes) => {
        models.set(run, bytes);
        await options.onModel?.(run);
        return `/models/${run}.safetensors`;
      },
      computeKind: options.computeKind,
      wrapCompute: (compute) => options.wrapCompute?.(compute, name) ?? compute,
      snapshots: options.snapshots,
      ...(options.retry === undefined ? {} : { retry: options.retry }),
      ...(options.states === undefined ? {} : { states: options.states }),
    });
    const kill = (): Promise<void> => {
      bus.cut(name);
      return system.stop();
    };
    const worker = { name, handle, kill };
    workers.push(worker);
    return worker;
  };
  for (let index = 1; index <= options.workers; index += 1) addWorker(`worker-${index}`);

  const ask = <R>(make: (replyTo: Ref<R>) => CoordinatorMessage, deadlineMs = 1000): Promise<R> =>
    insist(() => client.ask<CoordinatorMessage, R>(coordinator, make, { deadlineMs, reason: "to test" }));
  const status = async (run: string): Promise<RunStatus> => {
    const reply = await ask<RunReply>((replyTo) => ({ type: "describe_run", run, replyTo }));
    if (reply.type === "run_unknown") throw new Error(`the coordinator knows no ${run}`);
    return reply.status;
  };
  let submissions = 0;
  return {
    servers,
    addServer,
    links: plain,
    killServer,
    killCoordinator: headship.kill,
    startCoordinator: headship.start,
    workers,
    failures,
    addWorker,
    async submit(job) {
      submissions += 1;
      const submission = `test-${submissions}`;
      const reply = await ask<SubmitReply>((replyTo) => ({ type: "submit_run", submission, job, replyTo }));
      if (reply.type === "run_refused") throw new Error(reply.error.message);
      return reply.run;
    },
    async resume(run, snapshot) {
      submissions += 1;
      const wish = { type: "resume_run", submission: `test-${submissions}`, run, snapshot: snapshot ?? null } as const;
      const reply = await ask<SubmitReply>((replyTo) => ({ ...wish, replyTo }));
      if (reply.type === "run_refused") throw ShoalError.deserialize(reply.error);
      return reply.run;
    },
    snapshot: (run) => ask<RunReply>((replyTo) => ({ type: "snapshot_run", run, replyTo })),
    status,
    async explain(run) {
      const reply = await ask<ExplainReply>((replyTo) => ({ type: "explain_run", run, replyTo }), 5_000);
      if (reply.type !== "run_explained") throw new Error(`${run} is not explained: ${reply.type}`);
      return reply.explanation;
    },
    async ended(run, limitMs = 60_000) {
      for (const endAt = clock.now() + limitMs; ;) {
        const now = await status(run);
        if (["completed", "failed", "cancelled"].includes(now.phase)) return now;
        if (clock.now() > endAt) throw new Error(`${run} is ${now.phase} after ${limitMs} ms: ${now.reason}`);
        await new Promise<void>((resolve) => void clock.after(50, resolve));
      }
    },
    model(run) {
      const bytes = models.get(run);
      if (bytes === undefined) throw new Error(`no model of ${run} was written`);
      return decodeModelFile(bytes);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map(({ handle }) => handle.close()));
      await Promise.all(servers.map((server) => server.close()));
      await Promise.all([...services.values()].map((service) => service.close()));
      await headship.close();
      await Promise.all(systems.map((system) => system.stop()));
    },
  };
}

interface Headship {
  start(): void;
  kill(): Promise<void>;
  close(): Promise<void>;
}

/** The coordinators of a cluster, one after the other. */
function createHeadship(
  bus: CuttableBus,
  store: StateStore,
  settings: Partial<CoordinatorSettings>,
  node: (name: string) => ActorSystem,
  snapshots: SnapshotStore | undefined,
): Headship {
  let system: ActorSystem;
  let head: CoordinatorHandle;
  const start = (): void => {
    bus.mend(coordinatorNode);
    system = node(coordinatorNode);
    head = startCoordinator({ system, store, cluster: "test", settings, snapshots });
  };
  start();
  return {
    start,
    async kill() {
      bus.cut(coordinatorNode);
      await system.stop();
    },
    close: () => head.close(),
  };
}

/** Asks again when a message was lost. */
async function insist<R>(ask: () => Promise<R>): Promise<R> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await ask();
    } catch (error) {
      if (attempts === 20) throw error;
    }
  }
}

/** A model file that a run of this cluster wrote, by the path that it was given. */
function readKept(models: ReadonlyMap<string, Uint8Array>, file: string): Promise<Uint8Array> {
  const bytes = [...models].find(([run]) => file === `/models/${run}.safetensors`)?.[1];
  if (bytes !== undefined) return Promise.resolve(bytes);
  return Promise.reject(new ShoalError("data_not_found", `cannot read ${file}`, { file }));
}
