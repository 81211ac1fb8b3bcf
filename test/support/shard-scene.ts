/** A real shard actor on simulated time, spoken to in its own messages. */
import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  runSimulation,
  type ActorFailure,
  type ActorSystem,
  type Ref,
  type SimulatedClock,
} from "@shoal/actors";
import type { Kernels, KernelMemory } from "@shoal/kernels-wasm";
import type {
  InitializeReply,
  LinkIdentity,
  PullReply,
  PushReply,
  PushRequest,
  Refusal,
  RunMembers,
  ShardCommand,
  ShardDescription,
  ShardRestored,
  ShardSnapshot,
} from "@shoal/protocol";
import { createShardHost, type Hosting, type ShardHost } from "@shoal/ps-server";
import { kernelFixture } from "./model-kernels.ts";
import { plainShards } from "./plain-shards.ts";

const kit = await kernelFixture();

export const runName = "run-1";

export function membersOf(revision: number, ...numbers: readonly number[]): RunMembers {
  return {
    revision,
    workers: numbers.map((member) => ({ member, incarnation: 1, name: `worker-${member}` })),
    slotOwners: numbers,
  };
}

/** A reply that is there or is not yet, and how often the gradient was given back. */
export interface PendingPush {
  readonly reply: () => PushReply | Refusal | undefined;
  /** How often it was answered. */
  readonly answers: () => number;
  readonly releases: () => number;
}

export interface PendingPull {
  readonly reply: () => PullReply | Refusal | undefined;
  readonly values: () => readonly number[] | undefined;
}

export interface PushInput extends Partial<Omit<PushRequest, "gradient">> {
  readonly gradient?: readonly number[];
  readonly incarnation?: number;
  readonly deadlineMs?: number;
}

export interface ShardScene {
  readonly clock: SimulatedClock;
  readonly system: ActorSystem;
  readonly host: ShardHost;
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly shard: Ref<ShardCommand>;
  readonly failures: readonly ActorFailure[];
  /** Lets everything happen that can happen now, then moves time on. */
  run(forMs?: number): Promise<void>;
  initialize(values: readonly number[]): Promise<InitializeReply | Refusal | undefined>;
  push(worker: number, input: PushInput): PendingPush;
  pull(worker: number, clock: number, deadlineMs?: number): PendingPull;
  describe(): Promise<ShardDescription>;
  snapshot(): Promise<ShardSnapshot>;
  restore(snapshot: ShardSnapshot): Promise<ShardRestored | Refusal>;
  values(): Promise<readonly number[]>;
  close(): Promise<void>;
}

/** @param overrides what differs from a synchronous run of one slot, sgd with learning rate 1, members 1 and 2 */
export async function createShardScene(size: number, overrides: Partial<Hosting> = {}): Promise<ShardScene> {
  const clock = createSimulatedClock();
  const failures: ActorFailure[] = [];
  const system = createActorSystem({
    node: "server-1",
    bus: createInProcessBus(),
    clock,
    random: createRandom(1),
    onFailure: (failure) => failures.push(failure),
  });
  const { memory, kernels } = kit;
  const host = createShardHost({ system, memory, kernels });
  await host.host({
    run: runName,
    term: 1,
    ...plainShards({ shard: 3, begin: 0, end: size }),
    optimizer: { name: "sgd", learningRate: 1 },
    schedule: { name: "constant" },
    consistency: { mode: "synchronous" },
    aggregation: "mean",
    staleness: {},
    slots: 1,
    members: membersOf(1, 1, 2),
    ...overrides,
  });
  const shard = host.find(runName, 3) as Ref<ShardCommand>;
  const run = async (forMs = 0): Promise<void> => {
    await runSimulation(clock, { forMs });
  };
  const sender = (worker: number, incarnation = 1): LinkIdentity => ({
    run: runName,
    worker,
    incarnation,
    name: `worker-${worker}`,
  });
  const sequences = new Map<string, number>();
  const nextSequence = (worker: number, incarnation: number): number => {
    const key = `${worker}/${incarnation}`;
    const sequence = (sequences.get(key) ?? 0) + 1;
    sequences.set(key, sequence);
    return sequence;
  };

  const push = (worker: number, input: PushInput): PendingPush => {
    const { incarnation = 1, deadlineMs = 1000, gradient = [], samples = 1, clock: at = 0 } = input;
    const region = memory.allocate(Math.max(4, gradient.length * 4));
    const view = memory.floats(region.byteOffset, gradient.length);
    view.set(gradient);
    let reply: PushReply | Refusal | undefined;
    let answers = 0;
    let releases = 0;
    shard.tell({
      type: "push",
      sender: sender(worker, incarnation),
      push: {
        shard: 3,
        sequence: input.sequence ?? nextSequence(worker, incarnation),
        clock: at,
        baseVersion: input.baseVersion ?? at,
        batch: input.batch ?? null,
        samples,
        gradient: view,
      },
      deadlineMs,
      release: () => {
        releases += 1;
        // Whoever read it afterwards would spoil the numbers.
        view.fill(Number.NaN);
        if (releases === 1) memory.free(region);
      },
      replyTo: {
        address: `worker-${worker}/push`,
        tell(told) {
          reply = told;
          answers += 1;
        },
      },
    });
    return { reply: () => reply, answers: () => answers, releases: () => releases };
  };

  const pull = (worker: number, at: number, deadlineMs = 1000): PendingPull => {
    let reply: PullReply | Refusal | undefined;
    let values: readonly number[] | undefined;
    shard.tell({
      type: "pull",
      sender: sender(worker),
      clock: at,
      deadlineMs,
      receive: (view) => {
        values = [...view];
      },
      replyTo: { address: `worker-${worker}/pull`, tell: (told) => void (reply = told) },
    });
    return { reply: () => reply, values: () => values };
  };

  const ask = async <R>(make: (replyTo: Ref<R>) => ShardCommand): Promise<R> => {
    let reply: R | undefined;
    shard.tell(make({ address: "test/ask", tell: (told) => void (reply = told) }));
    await run();
    return reply as R;
  };

  return {
    clock,
    system,
    host,
    memory,
    kernels,
    shard,
    failures,
    run,
    push,
    pull,
    initialize: (values) =>
      ask<InitializeReply | Refusal>((replyTo) => ({ type: "initialize", values: new Float32Array(values), replyTo })),
    describe: () => ask<ShardDescription>((replyTo) => ({ type: "describe", replyTo })),
    snapshot: () => ask<ShardSnapshot>((replyTo) => ({ type: "snapshot", replyTo })),
    restore: (snapshot) => ask<ShardRestored | Refusal>((replyTo) => ({ type: "restore", snapshot, replyTo })),
    async values() {
      return [...(await ask<ShardSnapshot>((replyTo) => ({ type: "snapshot", replyTo }))).values];
    },
    async close() {
      const stopped = system.stop();
      await run(5000);
      await stopped;
    },
  };
}
