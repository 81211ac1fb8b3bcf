/** The processes of a simulated cluster: how each role is started, and how each ends. */
import { createActorSystem, createMemoryStore, type ActorFailure, type ActorSystem, type Ref } from "@shoal/actors";
import { createRandom } from "@shoal/actors";
import { startCoordinator } from "@shoal/coordinator";
import { ShoalError } from "@shoal/errors";
import type { Dataset } from "@shoal/models";
import {
  coordinatorAddress,
  coordinatorNode,
  type CoordinatorMessage,
  type JobSpec,
  type RunReply,
  type RunStatus,
  type SubmitReply,
} from "@shoal/protocol";
import { startServer, type ServerHandle } from "@shoal/ps-server";
import { startWorker, type WorkerHandle } from "@shoal/worker";
import { watchDisk, type DiskWatch } from "../checks/check-disk.ts";
import { leaveInOrder, leaveWhenDone } from "./leaving.ts";
import { replicaLinks } from "./replica-links.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import { workerLinks } from "./worker-links.ts";
import { busOf } from "./world-bus.ts";
import { diskOf, WorldDisk } from "./world-disk.ts";
import { storeOf } from "./world-store.ts";
import type { World } from "./world.ts";

export interface Life {
  readonly process: SimulatedProcess;
  readonly system: ActorSystem;
  readonly role: "coordinator" | "server" | "worker" | "client";
  readonly server?: ServerHandle;
  readonly worker?: WorkerHandle;
  /** Says goodbye. */
  readonly leave: () => Promise<void>;
}

/** How the retries of workers go: faster than usual, so that a run takes seconds. */
const retry = { attemptMs: 400, initialBackoffMs: 5, maximumBackoffMs: 100, maximumLeaderlessMs: 50, giveUpMs: 14_000 };

/** What a coordinator notes when it takes the lead. */
const leadTaken = "this coordinator leads";
/** What it notes when a run has ended. */
const runEnd = /^run \S+ is (?:completed|failed|cancelled)/;

export class Cluster {
  readonly lives: Life[] = [];
  readonly failures: ActorFailure[] = [];
  /** How often a coordinator took the lead. */
  leads = 0;
  readonly #world: World;
  readonly #dataset: Dataset;
  /** Where snapshots are kept. */
  readonly disk = new WorldDisk();
  readonly watch: DiskWatch;
  /** Servers that went when they had given everything to others. */
  readonly released = new Set<SimulatedProcess>();
  #store = createMemoryStore();
  readonly #client: ActorSystem;
  /** Called with each finished model, before its run ends: its shards are still there. */
  onModel: (run: string, model: Uint8Array) => Promise<void> = () => Promise.resolve();
  /** Called when a coordinator says that a run has ended. */
  onEnd: () => void = () => undefined;

  constructor(world: World, dataset: Dataset) {
    this.#world = world;
    this.#dataset = dataset;
    this.watch = watchDisk(this.disk, (sentence) => world.witness.violation(sentence));
    const { process, system } = this.#node("client");
    this.#client = system;
    this.lives.push({ process, system, role: "client", leave: () => Promise.resolve() });
  }

  startCoordinator(): void {
    const { process, system } = this.#node(coordinatorNode);
    const store = storeOf(this.#world, process, this.#store);
    const { settings } = this.#world.scenario;
    const onNote = (sentence: string): void => {
      this.#world.trace.add(this.#world.clock.now(), process.id, sentence);
      if (runEnd.test(sentence)) this.onEnd();
      if (sentence.startsWith(leadTaken)) this.leads += 1;
    };
    const snapshots = diskOf(this.#world, process, this.disk);
    const handle = startCoordinator({ system, store, cluster: "simulated", settings, snapshots, onNote });
    this.lives.push({ process, system, role: "coordinator", leave: () => handle.close() });
  }

  async startServer(name: string): Promise<void> {
    const { process, system } = this.#node(name);
    const { memory, kernels } = this.#world.site;
    const server = await startServer({
      ...{ system, memory, kernels, coordinator: system.ref<CoordinatorMessage>(coordinatorAddress) },
      replicaLinks: replicaLinks(this.#world, process),
      snapshots: diskOf(this.#world, process, this.disk),
      expose: (host) => {
        this.#world.expose(process, host);
        return name;
      },
    });
    const life: Life = { process, system, role: "server", server, leave: () => leaveInOrder(this.#world, this, life) };
    this.lives.push(life);
  }

  startWorker(name: string): void {
    const { process, system } = this.#node(name);
    const { memory, modules, kernels } = this.#world.site;
    const worker = startWorker({
      ...{ system, memory, modules, kernels, coordinator: system.ref<CoordinatorMessage>(coordinatorAddress) },
      links: workerLinks(this.#world, process),
      snapshots: diskOf(this.#world, process, this.disk),
      loadDataset: () => Promise.resolve(this.#dataset),
      readModel: (file) => Promise.reject(new ShoalError("data_not_found", `there is no ${file}`)),
      writeModel: async (run, bytes) => {
        if (process.isDead) throw new ShoalError("cancelled", "its process is dead");
        await this.onModel(run, bytes);
        return `/models/${run}`;
      },
      computeKind: "inline",
      wrapCompute: (compute) => this.#world.gradients?.watch(compute, process) ?? compute,
      retry,
    });
    const leave = (): Promise<void> => leaveWhenDone(this.#world, process, worker);
    this.lives.push({ process, system, role: "worker", worker, leave });
  }

  /** The living, of a node's name. */
  living(node: string): Life | undefined {
    return this.lives.findLast(({ process }) => process.node === node && !process.isDead);
  }

  kill(life: Life, isSilent: boolean): void {
    const { clock, network, trace } = this.#world;
    const { process, system } = life;
    trace.add(clock.now(), process.id, isSilent ? "dies with its machine" : "dies");
    process.die(isSilent, clock.now());
    network.crash(process.id);
    void system.stop();
  }

  /** All die at once. @param keepsStore the next cluster finds what this one knew */
  killAll(keepsStore: boolean): void {
    for (const life of this.lives) if (life.role !== "client" && !life.process.isDead) this.kill(life, false);
    if (keepsStore) return;
    this.#store = createMemoryStore();
    this.#world.witness.beginGeneration();
  }

  /** Submits a job and repeats itself until it is heard. */
  async submit(job: JobSpec, submission = "simulated"): Promise<string> {
    const reply = await this.#insist((replyTo) => ({ type: "submit_run", submission, job, replyTo }));
    if (reply.type === "run_accepted") return reply.run;
    throw new Error(reply.error.message);
  }

  /** Asks for the newest snapshot of a run, until it is heard. */
  resume(run: string, submission: string): Promise<SubmitReply> {
    return this.#insist((replyTo) => ({ type: "resume_run", submission, run, snapshot: null, replyTo }));
  }

  /** @returns undefined when the coordinator does not answer */
  async status(run: string): Promise<RunStatus | "unknown" | undefined> {
    const reply = await this.#ask<RunReply>((replyTo) => ({ type: "describe_run", run, replyTo }));
    return reply?.type === "run_unknown" ? "unknown" : reply?.status;
  }

  pass(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#world.clock.after(ms, resolve));
  }

  /** Ends everything, as the end of the world would. */
  async end(): Promise<void> {
    this.#world.isOver = true;
    for (const { process } of this.lives) process.die(false, this.#world.clock.now());
    await Promise.all(this.lives.map(({ system }) => system.stop()));
  }

  async #insist(make: (replyTo: Ref<SubmitReply>) => CoordinatorMessage): Promise<SubmitReply> {
    for (;;) {
      const reply = await this.#ask(make);
      if (reply !== undefined) return reply;
      await this.pass(50);
    }
  }

  async #ask<R>(make: (replyTo: Ref<R>) => CoordinatorMessage): Promise<R | undefined> {
    const coordinator = this.#client.ref<CoordinatorMessage>(coordinatorAddress);
    try {
      return await this.#client.ask<CoordinatorMessage, R>(coordinator, make, { deadlineMs: 300, reason: "to play" });
    } catch {
      return undefined;
    }
  }

  #node(name: string): { readonly process: SimulatedProcess; readonly system: ActorSystem } {
    const world = this.#world;
    const process = world.process(name);
    const system = createActorSystem({
      ...{ node: name, bus: busOf(world, process), clock: process.clock },
      random: createRandom(`${world.scenario.name} ${process.id}`),
      onFailure: (failure) => this.failures.push(failure),
    });
    return { process, system };
  }
}
