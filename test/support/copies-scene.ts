/**
 * One shard on several servers, on simulated time, with links between them that lose and delay: seats are given by the
 * test, as a coordinator would.
 */
import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  runSimulation,
  type ActorFailure,
  type ActorSystem,
  type Random,
  type Ref,
  type SimulatedClock,
} from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { KernelMemory } from "@shoal/kernels-wasm";
import type {
  PullReply,
  PushReply,
  Refusal,
  ReplicaLink,
  ReplicaLinkFactory,
  SeatHolder,
  ShardCommand,
  ShardDescription,
  ShardSeat,
  ShardSnapshot,
} from "@shoal/protocol";
import {
  createInProcessReplicaLinks,
  createShardHost,
  type CaughtUpLearner,
  type Hosting,
  type ShardHost,
} from "@shoal/ps-server";
import { kernelFixture } from "./model-kernels.ts";
import { plainShards } from "./plain-shards.ts";
import { membersOf } from "./shard-scene.ts";

const kit = await kernelFixture();
export const copiesRun = "run-1";
const shardNumber = 3;

/** What links between servers do to their calls. */
export interface LinkFaults {
  /** Share of calls that are lost on their way, or whose answer is. */
  readonly lost: number;
  /** Longest delay of a call, ms. */
  readonly delayMs: number;
}

export interface PushOutcome {
  readonly reply: PushReply | undefined;
  readonly code: string | undefined;
}

export interface CopiesScene {
  readonly clock: SimulatedClock;
  readonly memory: KernelMemory;
  readonly failures: readonly ActorFailure[];
  readonly caughtUp: CaughtUpLearner[];
  faults: LinkFaults;
  host(server: number): ShardHost;
  /**
   * Hosts the shard on every server that the seat names and that does not have it, and tells it to all others.
   * @param deaf is not told
   */
  seat(
    term: number,
    primary: number,
    replicas: readonly number[],
    learners?: readonly number[],
    deaf?: number,
  ): Promise<ShardSeat>;
  /** From now on nothing comes to this server, or from it, over links; its actors live on. */
  isolate(server: number): void;
  /** Nothing passes between these two any more. */
  cut(one: number, other: number): void;
  mend(one: number, other: number): void;
  initialize(server: number, values: ArrayLike<number>): Promise<string>;
  push(
    server: number,
    push: {
      worker: number;
      sequence: number;
      clock: number;
      batch: number;
      baseVersion: number;
      gradient: ArrayLike<number>;
    },
    deadlineMs?: number,
  ): Promise<PushOutcome>;
  pull(
    server: number,
    pull: { worker: number; clock: number },
    deadlineMs?: number,
  ): Promise<{ readonly version: number; readonly values: Float32Array } | { readonly code: string }>;
  describe(server: number): Promise<ShardDescription>;
  snapshot(server: number): Promise<ShardSnapshot>;
  run(forMs: number): Promise<void>;
  close(): Promise<void>;
}

const holderOf = (server: number): SeatHolder => ({
  member: server,
  incarnation: 1,
  node: `server-${server}`,
  endpoint: `server-${server}`,
});

export function seatOf(
  term: number,
  primary: number,
  replicas: readonly number[],
  learners: readonly number[] = [],
): ShardSeat {
  return {
    ...{ shard: shardNumber, term, primary: holderOf(primary) },
    replicas: replicas.map(holderOf),
    learners: learners.map(holderOf),
  };
}

/** @param overrides what differs from a synchronous run of two slots, sgd with learning rate 1, members 1 and 2 */
export async function createCopiesScene(
  servers: number,
  size: number,
  overrides: Partial<Hosting> = {},
  seed = 1,
): Promise<CopiesScene> {
  const clock = createSimulatedClock();
  const bus = createInProcessBus();
  const failures: ActorFailure[] = [];
  const caughtUp: CaughtUpLearner[] = [];
  const { memory, kernels } = kit;
  const hosts = new Map<string, ShardHost>();
  const systems: ActorSystem[] = [];
  const isolated = new Set<string>();
  const cuts = new Set<string>();
  const random = createRandom(seed);
  const scene = { faults: { lost: 0, delayMs: 0 } };
  const links = createInProcessReplicaLinks({ directoryOf: (endpoint) => hosts.get(endpoint), clock });
  const replicaLinks = faultyLinks(links, { clock, random, isolated, cuts, faults: () => scene.faults });
  for (let server = 1; server <= servers; server += 1) {
    const node = `server-${server}`;
    const system = createActorSystem({
      ...{ node, bus, clock, random: createRandom(server) },
      onFailure: (failure) => failures.push(failure),
    });
    const host = createShardHost({ system, memory, kernels, replicaLinks });
    host.onCaughtUp((learner) => void caughtUp.push(learner));
    systems.push(system);
    hosts.set(node, host);
  }
  const hostOf = (server: number): ShardHost => hosts.get(`server-${server}`) as ShardHost;
  const hosting = (seat: ShardSeat): Hosting => {
    const { shards, treatments } = plainShards({ shard: shardNumber, begin: 0, end: size });
    return {
      ...{ run: copiesRun, term: 1, treatments, shards: shards.map((shard) => ({ ...shard, seat })) },
      optimizer: { name: "sgd", learningRate: 1 },
      schedule: { name: "constant" },
      consistency: { mode: "synchronous" },
      aggregation: "mean",
      staleness: {},
      slots: 2,
      members: membersOf(1, 1, 2),
      ...overrides,
    };
  };
  const run = async (forMs: number): Promise<void> => {
    await runSimulation(clock, { forMs });
  };
  const tell = (server: number, command: ShardCommand): void => {
    const ref = hostOf(server).find(copiesRun, shardNumber);
    if (ref === undefined) throw new ShoalError("unknown_shard", `server-${server} does not hold the shard`);
    ref.tell(command);
  };
  const ask = <R extends { readonly type: string }>(
    server: number,
    make: (replyTo: Ref<R | Refusal>) => ShardCommand,
  ): Promise<R | Refusal> =>
    new Promise((resolve) => {
      const answer = (reply: R | Refusal): void => resolve(reply);
      try {
        tell(server, make({ address: "test/ask", tell: answer }));
      } catch (error) {
        resolve({ type: "refused", error: ShoalError.from(error).toJSON() });
      }
    });
  const identity = (worker: number) => ({ run: copiesRun, worker, incarnation: 1, name: `worker-${worker}` });
  const codeOf = (reply: Refusal): string => reply.error.code;
  const isRefusal = (reply: { readonly type: string }): reply is Refusal => reply.type === "refused";

  return Object.assign(scene, {
    ...{ clock, memory, failures, caughtUp, run },
    host: hostOf,
    async seat(
      term: number,
      primary: number,
      replicas: readonly number[],
      learners: readonly number[] = [],
      deaf?: number,
    ) {
      const seat = seatOf(term, primary, replicas, learners);
      const named = new Set([primary, ...replicas, ...learners]);
      for (let server = 1; server <= servers; server += 1) {
        if (server === deaf || isolated.has(`server-${server}`)) continue;
        const holds = hostOf(server).find(copiesRun, shardNumber) !== undefined;
        if (named.has(server) && !holds) await hostOf(server).host(hosting(seat));
        // A copy that is given up ends in the actor's own turn, which the simulation has to give it.
        else void hostOf(server).seat(copiesRun, [seat]);
      }
      return seat;
    },
    cut: (one: number, other: number) => void cuts.add(lineOf(`server-${one}`, `server-${other}`)),
    mend: (one: number, other: number) => void cuts.delete(lineOf(`server-${one}`, `server-${other}`)),
    isolate: (server: number) => void isolated.add(`server-${server}`),
    async initialize(server: number, values: ArrayLike<number>) {
      const reply = await ask(server, (replyTo) => ({ type: "initialize", values: new Float32Array(values), replyTo }));
      return isRefusal(reply) ? codeOf(reply) : reply.type;
    },
    async push(server, { worker, gradient, ...header }, deadlineMs = 400) {
      const region = memory.allocate(size * 4);
      const view = memory.floats(region.byteOffset, size);
      view.set(gradient);
      let released = 0;
      const release = (): void => {
        released += 1;
        // Whoever read it afterwards would spoil the numbers.
        view.fill(Number.NaN);
      };
      const reply = await ask<PushReply>(server, (replyTo) => ({
        ...{ type: "push", sender: identity(worker), deadlineMs, release, replyTo },
        push: { shard: shardNumber, samples: 1, gradient: view, ...header },
      }));
      memory.free(region);
      if (released > 1) throw new Error(`a gradient was given back ${released} times`);
      return isRefusal(reply) ? { reply: undefined, code: codeOf(reply) } : { reply, code: undefined };
    },
    async pull(server, { worker, clock: at }, deadlineMs = 400) {
      let values = new Float32Array(0);
      const reply = await ask<PullReply>(server, (replyTo) => ({
        ...{ type: "pull", sender: identity(worker), clock: at, deadlineMs, replyTo },
        receive: (view) => void (values = Float32Array.from(view)),
      }));
      return isRefusal(reply) ? { code: codeOf(reply) } : { version: reply.version, values };
    },
    describe: async (server: number) =>
      (await ask<ShardDescription>(server, (replyTo) => ({ type: "describe", replyTo }))) as ShardDescription,
    snapshot: async (server: number) =>
      (await ask<ShardSnapshot>(server, (replyTo) => ({ type: "snapshot", replyTo }))) as ShardSnapshot,
    async close() {
      const stopped = Promise.all(systems.map((system) => system.stop()));
      await run(10_000);
      await stopped;
    },
  } satisfies Omit<CopiesScene, "faults">);
}

interface Faulting {
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly isolated: ReadonlySet<string>;
  readonly cuts: ReadonlySet<string>;
  readonly faults: () => LinkFaults;
}

/** Calls of one link keep their order, whatever their delays. */
function faultyLinks(
  links: ReplicaLinkFactory,
  { clock, random, isolated, cuts, faults }: Faulting,
): ReplicaLinkFactory {
  return {
    connect(to, run, from) {
      const link = links.connect(to, run, from);
      let lastAtMs = 0;
      const pass = async <R>(deadlineMs: number, call: () => Promise<R>): Promise<R> => {
        const isCut = (): boolean =>
          isolated.has(to.node) || isolated.has(from.node) || cuts.has(lineOf(from.node, to.node));
        const { lost, delayMs } = faults();
        const fate = random.uniform();
        lastAtMs = Math.max(lastAtMs, clock.now() + random.uniform() * delayMs);
        if (delayMs > 0) await after(clock, lastAtMs - clock.now());
        const failure = new ShoalError("transport_lost", `the line to ${to.node} is broken`);
        if (isCut()) {
          await after(clock, deadlineMs);
          throw failure;
        }
        if (fate < lost / 2) throw failure;
        const reply = await call();
        if (fate < lost || isCut()) throw failure;
        return reply;
      };
      return {
        replicate: (entry, options) => pass(options.deadlineMs, () => link.replicate(entry, options)),
        install: (part, options) => pass(options.deadlineMs, () => link.install(part, options)),
        close: () => link.close(),
      } satisfies ReplicaLink;
    },
  };
}

const lineOf = (one: string, other: string): string => [one, other].toSorted().join(" - ");

function after(clock: SimulatedClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(Math.max(0, ms), resolve));
}
