/** A worker role, wired: control actor, membership, compute. The composition root brings links, data and files. */
import type { ActorSystem, Ref } from "@shoal/actors";
import { instantiateKernels, type KernelMemory, type KernelModules, type Kernels } from "@shoal/kernels-wasm";
import type { Dataset, DatasetSpec } from "@shoal/models";
import {
  controlActorName,
  startMembership,
  type CoordinatorMessage,
  type Joined,
  type LinkFactory,
  type SnapshotStore,
} from "@shoal/protocol";
import type { RetrySettings } from "./client/retry-policy.ts";
import type { ClientWait } from "./client/wait-list.ts";
import type { ComputePort } from "./compute/compute-port.ts";
import type { ComputeSubject } from "./compute/compute-task.ts";
import { createInlineCompute } from "./compute/inline-compute.ts";
import { startThreadCompute } from "./host/thread-compute.ts";
import { createEndedRuns } from "./node/held-run.ts";
import type { PrepareEnvironment } from "./node/prepare-run.ts";
import type { SessionEnvironment } from "./node/run-session.ts";
import { drop, type NodeState } from "./node/node-state.ts";
import { createWorkerNode, workerNodeOptions } from "./node/worker-node.ts";
import { createMemoryStateStore, type WorkerStateStore } from "./saved/state-store.ts";
import { atMost } from "./time/at-most.ts";

export interface WorkerOptions {
  readonly system: ActorSystem;
  /** The memory of the process; shared when gradients are computed in a thread. */
  readonly memory: KernelMemory;
  readonly modules: KernelModules;
  /** Those of this thread, on this memory; where they are left out, some are made when they are first needed. */
  readonly kernels?: Kernels;
  readonly coordinator: Ref<CoordinatorMessage>;
  readonly links: LinkFactory;
  readonly loadDataset: (spec: DatasetSpec) => Promise<Dataset>;
  /** Reads the model file that a job begins with. @throws ShoalError data_not_found */
  readonly readModel: (file: string) => Promise<Uint8Array>;
  /** Keeps the model file of a run. @returns its absolute path */
  readonly writeModel: (run: string, bytes: Uint8Array) => Promise<string>;
  /** Where what is left unsent is kept for the next life of this worker; default: in this process. */
  readonly states?: WorkerStateStore;
  /** Where snapshots are kept; without it none are taken of runs whose slots keep something from step to step. */
  readonly snapshots?: SnapshotStore | undefined;
  /** Takes a sentence for people: what was saved, found, or could not be. */
  readonly onNote?: (sentence: string) => void;
  /** Where gradients are computed: in a thread of their own (default), or on the calling thread. */
  readonly computeKind?: "thread" | "inline";
  /** Puts something between the training loop and its computing: in simulations computing takes virtual time. */
  readonly wrapCompute?: (compute: ComputePort) => ComputePort;
  /** See `PrepareEnvironment`. */
  readonly federate?: PrepareEnvironment["federate"];
  /** See `SessionEnvironment`. */
  readonly readRounds?: SessionEnvironment["readRounds"];
  /** How exchanges are repeated. */
  readonly retry?: Partial<RetrySettings>;
  /** Called after each join. */
  readonly onJoined?: (joined: Joined) => void;
}

export interface WorkerHandle {
  /** Settles with the first membership; stays pending while the coordinator is silent. */
  readonly joined: Promise<Joined>;
  /** What this worker waits for now, oldest first. */
  waits(): readonly ClientWait[];
  /** Ends with the batch or step that is under way; settles when nothing would be lost by `close`. The caller bounds the wait. */
  drain(): Promise<void>;
  /** Says goodbye to the coordinator and ends what is under way, within about a second. Idempotent. */
  close(): Promise<void>;
}

/** Time that `close` waits for the run to end: a second for the run, and one for the mailbox. */
const closeLimitMs = 2_000;

/** Time that the coordinator has to give away what this worker's slots keep. */
const handOverMs = 5_000;

/** Starts the role. The membership follows by itself, also when the bus or the coordinator are not there yet. */
export function startWorker(options: WorkerOptions): WorkerHandle {
  const { system, coordinator } = options;
  let kernels: Kernels | undefined;
  const environment = {
    ...options,
    states: options.states ?? createMemoryStateStore(),
    kernels: () => (kernels ??= options.kernels ?? instantiateKernels(options.modules, options.memory)),
    startCompute: (subject: ComputeSubject) => startCompute(subject, options),
  };
  const { node } = system;
  const nothing = { joined: undefined, held: undefined, deferred: undefined, reading: 0 };
  const state: NodeState = { environment, node, ended: createEndedRuns(), ...nothing };
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  // However the actor ends, with it end the thread and the links of its run.
  const onStop = (): Promise<void> => drop(state).finally(onClosed);
  const control = system.spawn(controlActorName, createWorkerNode(state), { ...workerNodeOptions, onStop });
  const { promise: joined, resolve } = Promise.withResolvers<Joined>();
  const membership = startMembership(system, {
    coordinator,
    introduce: (replyTo) => ({ type: "join_as_worker", node, control, replyTo }),
    onJoined: (membershipNow) => {
      control.tell({ type: "node_joined", joined: membershipNow });
      resolve(membershipNow);
      options.onJoined?.(membershipNow);
    },
  });
  return {
    joined,
    waits: () => state.held?.session.waits() ?? [],
    async drain() {
      // Who goes without a word leaves its slots to others, who begin afresh.
      if (state.held?.command.keepsSlots === true) await atMost(system.clock, handOverMs, membership.drain());
      const { promise: ended, resolve: left } = Promise.withResolvers<void>();
      control.tell({ type: "node_leaving", left });
      await ended;
    },
    async close() {
      control.tell({ type: "node_closing" });
      await atMost(system.clock, closeLimitMs, closed);
      // Last: as long as it is a member the shards take what it has on its way.
      membership.leave();
    },
  };
}

async function startCompute(subject: ComputeSubject, options: WorkerOptions): Promise<ComputePort> {
  const compute = await startPlainCompute(subject, options);
  return options.wrapCompute?.(compute) ?? compute;
}

function startPlainCompute(subject: ComputeSubject, options: WorkerOptions): Promise<ComputePort> {
  const { system, memory, modules, computeKind = "thread" } = options;
  if (computeKind === "thread") return startThreadCompute(subject, { owner: system.node, memory, modules });
  const now = (): number => system.clock.now();
  return Promise.resolve(createInlineCompute(subject, { memory, modules, now }));
}
