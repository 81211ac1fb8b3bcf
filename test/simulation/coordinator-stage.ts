/**
 * A stage for scenarios of the coordinator: a simulated clock and network, the real coordinator and the real membership
 * client, and in the place of servers and workers actors that keep to the protocol without computing anything.
 */
import {
  createActorSystem,
  createMemoryStore,
  createRandom,
  createSimulatedClock,
  createSimulatedNetwork,
  runSimulation,
  simulate,
  type ActorSystem,
  type Bus,
  type Clock,
  type NetworkSettings,
  type Random,
  type Ref,
  type SimulatedClock,
  type SimulatedNetwork,
  type StateStore,
} from "@shoal/actors";
import { startCoordinator, type CoordinatorHandle, type CoordinatorSettings } from "@shoal/coordinator";
import { isShoalError } from "@shoal/errors";
import {
  acceptorOf,
  clusterStatusSchema,
  coordinatorAddress,
  runReplySchema,
  submitReplySchema,
  type ClusterStatus,
  type CoordinatorMessage,
  type JobInput,
  type RunReply,
  type RunStatus,
  type SubmitReply,
} from "@shoal/protocol";
import { checkJob } from "@shoal/coordinator";
import { PlayedShards } from "./coordinator-shards.ts";

export const baseJob: JobInput = {
  name: "play",
  model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
  data: { type: "digits" },
  optimizer: { name: "sgd", learningRate: 0.1 },
  batchSize: 10,
  epochs: 2,
};

export interface StageOptions {
  readonly seed?: number;
  readonly network?: Partial<NetworkSettings>;
  readonly settings?: Partial<CoordinatorSettings>;
  readonly store?: StateStore;
  /** What the first coordinator is made on, where it is not the stage. */
  readonly firstSite?: (stage: NodeSite) => NodeSite;
  /** What the first coordinator reaches the store by. */
  readonly firstStore?: (store: StateStore) => StateStore;
}

/** What a node is made on. */
export interface NodeSite {
  readonly network: Bus;
  readonly clock: Clock;
}

export class Stage {
  readonly clock: SimulatedClock = createSimulatedClock(1_000_000);
  readonly network: SimulatedNetwork;
  readonly random: Random;
  readonly store: StateStore;
  readonly shards = new PlayedShards();
  readonly notes: string[] = [];
  readonly failures: string[] = [];
  readonly client: ActorSystem;
  readonly #settings: Partial<CoordinatorSettings>;
  readonly #systems: ActorSystem[] = [];
  #submissions = 0;
  coordinator: CoordinatorHandle;

  constructor(options: StageOptions = {}) {
    this.random = createRandom(options.seed ?? 1);
    this.network = createSimulatedNetwork({
      clock: this.clock,
      random: this.random,
      ...(options.network && { settings: options.network }),
    });
    this.store = options.store ?? createMemoryStore();
    this.#settings = options.settings ?? {};
    this.client = this.node("client");
    this.coordinator = this.startCoordinator(options.firstStore?.(this.store), options.firstSite?.(this));
  }

  /** @param store what it reaches the stage's store by */
  startCoordinator(store: StateStore = this.store, site: NodeSite = this): CoordinatorHandle {
    const system = this.node("coordinator", site);
    const onNote = (sentence: string): void => {
      this.notes.push(`${this.clock.now() - 1_000_000} ${sentence}`);
    };
    this.coordinator = startCoordinator({ system, store, cluster: "stage", settings: this.#settings, onNote });
    return this.coordinator;
  }

  node(name: string, { network: bus, clock }: NodeSite = this): ActorSystem {
    const before = this.#systems.filter((each) => each.node === name).length;
    const system = createActorSystem({
      node: name,
      bus,
      clock,
      random: this.random.fork(before === 0 ? name : `${name} ${before + 1}`),
      onFailure: ({ address, error }) => this.failures.push(`${address}: ${error.message}`),
    });
    this.#systems.push(system);
    return system;
  }

  /** The same from within the play. */
  kill(name: string): void {
    this.network.crash(name);
    void this.#systems.findLast((each) => each.node === name)?.stop();
  }

  /** Takes a node away without a goodbye. */
  async crash(name: string): Promise<void> {
    this.network.crash(name);
    const system = this.#systems.findLast((each) => each.node === name);
    if (system !== undefined) await simulate(this.clock, system.stop());
  }

  get coordinatorRef(): Ref<CoordinatorMessage> {
    return this.client.ref(coordinatorAddress);
  }

  /** Asks until it is answered: the network may lose messages. */
  async ask<R>(make: (replyTo: Ref<R>) => CoordinatorMessage, accepts: (body: unknown) => R): Promise<R> {
    const asked = (async (): Promise<R> => {
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await this.client.ask(this.coordinatorRef, make, { deadlineMs: 200, reason: "to play", accepts });
        } catch (error) {
          if (attempt > 40 || !isShoalError(error) || error.row.retry === "never") throw error;
        }
      }
    })();
    return simulate(this.clock, asked);
  }

  async submit(change: Partial<JobInput> = {}): Promise<string> {
    const job = checkJob({ ...baseJob, ...change });
    this.#submissions += 1;
    const submission = `submission-${this.#submissions}`;
    const reply = await this.ask<SubmitReply>(
      (replyTo) => ({ type: "submit_run", submission, job, replyTo }),
      acceptorOf(submitReplySchema),
    );
    if (reply.type === "run_refused") throw new Error(reply.error.message);
    return reply.run;
  }

  async status(run: string): Promise<RunStatus> {
    const reply = await this.ask<RunReply>(
      (replyTo) => ({ type: "describe_run", run, replyTo }),
      acceptorOf(runReplySchema),
    );
    if (reply.type === "run_unknown") throw new Error(`${run} is unknown`);
    return reply.status;
  }

  async cancel(run: string): Promise<void> {
    await this.ask<RunReply>((replyTo) => ({ type: "cancel_run", run, replyTo }), acceptorOf(runReplySchema));
  }

  describe(): Promise<ClusterStatus> {
    return this.ask<ClusterStatus>(
      (replyTo) => ({ type: "describe_cluster", replyTo }),
      acceptorOf(clusterStatusSchema),
    );
  }

  /** Lets time pass. */
  async pass(forMs: number): Promise<void> {
    await runSimulation(this.clock, { forMs });
  }

  /** Lets time pass until the run is in one of the phases, and returns its status then. */
  async until(run: string, phases: readonly RunStatus["phase"][], limitMs = 120_000): Promise<RunStatus> {
    return this.untilStatus(run, (status) => phases.includes(status.phase), limitMs);
  }

  async untilStatus(run: string, holds: (status: RunStatus) => boolean, limitMs = 120_000): Promise<RunStatus> {
    const end = this.clock.now() + limitMs;
    for (;;) {
      const status = await this.status(run);
      if (holds(status)) return status;
      if (this.clock.now() > end) {
        throw new Error(`run ${run} is still ${status.phase}: ${status.reason}\n${this.notes.slice(-30).join("\n")}`);
      }
      await this.pass(20);
    }
  }
}
