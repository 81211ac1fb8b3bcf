/**
 * The shards that live on one node: makes them, finds them, ends them.
 *
 * Boundary  What a shard does is its actor's; here is only which exist, under which term, and their memory.
 * Bounds    Memory: what KernelMemory gives. Remembered terms of ended runs: 1,024, the oldest are forgotten.
 * Invariants
 *   H1  An attempt of a run is hosted under one term; a lower one is refused, a higher one replaces it. Shards with seats
 *       have the terms of these besides.
 *   H2  Hosting takes place wholly or not at all; memory of an ended shard is given back when its actor has stopped.
 */
import type { ActorSystem, Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import type {
  HostShards,
  LineReports,
  ReplicaLinkFactory,
  RunMembers,
  SaveShards,
  ShardCommand,
  ShardDirectory,
  ShardSeat,
  ShardSummary,
  SnapshotStore,
} from "@shoal/protocol";
import { createPeerLinks } from "../replication/peer-links.ts";
import type { ShardPayloads } from "../rpc/hosted-shards.ts";
import { createShardAdmission, type ShardAdmission } from "../shard/admission.ts";
import { createShardMetrics } from "../shard/metrics.ts";
import { restoreShards, type RestoredShard } from "../snapshots/restore-shards.ts";
import { createShardSaver } from "../snapshots/save-shards.ts";
import { createEndedRuns, type EndedRuns } from "./ended-runs.ts";
import { spawnShards, type HostedShard, type ShardEnvironment } from "./hosted-shard.ts";
import { addShards, giveSeats } from "./seated-shards.ts";
import { summarize } from "./summarize.ts";

export interface ShardHostOptions {
  readonly system: ActorSystem;
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  /** How other servers are reached; needed where shards have seats with other copies. */
  readonly replicaLinks?: ReplicaLinkFactory | undefined;
  /** Where snapshots are kept; needed where runs take some or begin with one. */
  readonly snapshots?: SnapshotStore | undefined;
  /** Told of the connections to other servers. */
  readonly lines?: LineReports | undefined;
}

/** What the coordinator asks for, without the way back. */
export type Hosting = Omit<HostShards, "type" | "replyTo">;

export interface ShardHost extends ShardDirectory {
  /** What the parameter service asks before it reads a payload; undefined when no such shard is hosted here. */
  admissionOf(run: string, shard: number): ShardAdmission | undefined;
  /** Elements of a shard's key range; undefined when no such shard is hosted here. */
  sizeOf(run: string, shard: number): number | undefined;
  /** How long its encoded payloads are; undefined when no such shard is hosted here. */
  payloadsOf(run: string, shard: number): ShardPayloads | undefined;
  /**
   * Hosts these shards. Doing it again under the same term changes nothing but the members, when theirs are newer, and
   * adds shards with seats that are not here yet. A higher term is that of another attempt, whose shards may own other keys:
   * what is here of the one before it ends.
   * @returns the shards of the hosting, with the term of the seat (else of the hosting) that is known here
   * @throws ShoalError stale_term - a higher term is known
   * @throws ShoalError invalid_argument - the optimiser, the schedule or a key range is wrong
   * @throws ShoalError out_of_memory
   * @throws ShoalError snapshot_corrupt, store_unavailable - the snapshot to begin with cannot be read; nothing is hosted
   */
  host(hosting: Hosting): Promise<readonly SeatTerm[]>;
  /**
   * Gives shards new seats; ends those that their seat does not name any more. Passes over older ones.
   * @returns what is known here then; without shards that are to be hosted first
   */
  seat(run: string, seats: readonly ShardSeat[]): Promise<readonly SeatTerm[]>;
  /** Calls back, again and again until a new seat comes, when a learner of a shard has all entries. */
  onCaughtUp(listener: (learner: CaughtUpLearner) => void): void;
  /** Writes shards into a snapshot, beside the training; the asker is told. */
  save(command: SaveShards): void;
  /** Tells every shard of a run its new members. @throws ShoalError run_not_found */
  updateMembers(run: string, members: RunMembers): void;
  /** @throws ShoalError run_not_found; deadline_exceeded - a shard did not answer within `describeLimitMs` */
  describe(run: string): Promise<readonly ShardSummary[]>;
  /** Ends a run's shards and gives their memory back. Idempotent. */
  release(run: string): Promise<void>;
  /** Releases every run. */
  close(): Promise<void>;
}

export interface SeatTerm {
  readonly shard: number;
  readonly term: number;
}

export interface CaughtUpLearner extends SeatTerm {
  readonly run: string;
  readonly member: number;
}

/** How long a shard may take to describe itself, ms. */
export const describeLimitMs = 1000;

interface HostedRun {
  readonly term: number;
  readonly shards: Map<number, HostedShard>;
}

export function createShardHost(options: ShardHostOptions): ShardHost {
  const { system } = options;
  const runs = new Map<string, HostedRun>();
  const ended = createEndedRuns();
  const listeners: ((learner: CaughtUpLearner) => void)[] = [];
  const environment = environmentOf(options, listeners);

  const find = (run: string, shard: number): HostedShard | undefined => runs.get(run)?.shards.get(shard);
  const require = (run: string): HostedRun => {
    const hosted = runs.get(run);
    if (hosted !== undefined) return hosted;
    throw new ShoalError("run_not_found", `${system.node} hosts no shards of run ${run}`, { run, node: system.node });
  };
  const updateMembers = (run: string, members: RunMembers): void => {
    for (const { ref } of require(run).shards.values()) ref.tell({ type: "update_members", members });
  };
  const saver = createShardSaver({
    system,
    store: options.snapshots,
    find: (run, shard) => find(run, shard)?.ref,
  });
  const end = async (run: string): Promise<void> => {
    const hosted = runs.get(run);
    runs.delete(run);
    saver.drop(run);
    await Promise.all(Array.from(hosted?.shards.values() ?? [], (shard) => shard.end()));
  };
  const release = async (run: string): Promise<void> => {
    const hosted = runs.get(run);
    if (hosted === undefined) return;
    ended.add(run, hosted.term);
    await end(run);
  };
  const host = createHosting({ ...{ environment, runs, ended, find, end, release }, snapshots: options.snapshots });
  return {
    find: (run, shard): Ref<ShardCommand> | undefined => find(run, shard)?.ref,
    ...viewsOf(find),
    host,
    seat: (run, seats) => giveSeats(system.node, runs.get(run)?.shards ?? new Map<number, HostedShard>(), seats),
    onCaughtUp: (listener) => void listeners.push(listener),
    updateMembers,
    save: (command) => saver.save(command),
    describe: async (run) =>
      summarize(
        system,
        Array.from(require(run).shards.values(), ({ ref }) => ref),
        describeLimitMs,
      ),
    release,
    async close() {
      await Promise.all(Array.from(runs.keys(), release));
    },
  };
}

interface HostingParts {
  readonly environment: ShardEnvironment;
  readonly snapshots: SnapshotStore | undefined;
  readonly runs: Map<string, HostedRun>;
  readonly ended: EndedRuns;
  readonly find: (run: string, shard: number) => HostedShard | undefined;
  readonly end: (run: string) => Promise<void>;
  readonly release: (run: string) => Promise<void>;
}

/** How shards come to be hosted; see `ShardHost.host`. */
function createHosting({ environment, snapshots, runs, ended, find, end, release }: HostingParts): ShardHost["host"] {
  /** Shards that are hosted here for the first time begin with the run's snapshot; later copies come from their primary. */
  const restore = async ({ run, snapshot, shards }: Hosting): Promise<void> => {
    if (snapshot === undefined) return;
    const led = shards.flatMap(({ shard, seat }) => (leads(environment.system.node, seat) ? [find(run, shard)] : []));
    const empty = led.flatMap((hosted): readonly RestoredShard[] => {
      if (hosted === undefined) return [];
      const { shard, range } = hosted.state.options;
      return [{ shard, range, ref: hosted.ref }];
    });
    await restoreShards(environment.system, snapshots, { run, snapshot }, empty);
  };
  return async (hosting) => {
    const { run, term } = hosting;
    const current = runs.get(run);
    const known = current?.term ?? ended.termOf(run);
    if (known !== undefined && (term < known || (term === known && current === undefined))) {
      throw staleTerm(environment.system.node, run, term, known);
    }
    if (current?.term === term) {
      await addShards(environment, hosting, current.shards);
    } else {
      await release(run);
      runs.set(run, { term, shards: spawnShards(environment, hosting, known === undefined) });
      // Wholly or not at all (H2): a repeated command tries again.
      await restore(hosting).catch(async (error: unknown) => {
        await end(run);
        throw error;
      });
    }
    return hosting.shards.map(({ shard }) => ({ shard, term: find(run, shard)?.seatTerm() ?? term }));
  };
}

function environmentOf(
  options: ShardHostOptions,
  listeners: readonly ((learner: CaughtUpLearner) => void)[],
): ShardEnvironment {
  return {
    ...options,
    metrics: createShardMetrics(),
    peerLinks: createPeerLinks(options.replicaLinks, options.lines),
    onCaughtUp: (learner) => {
      for (const listener of listeners) listener(learner);
    },
  };
}

/** What the parameter service asks about a shard. */
function viewsOf(
  find: (run: string, shard: number) => HostedShard | undefined,
): Pick<ShardHost, "admissionOf" | "sizeOf" | "payloadsOf"> {
  return {
    admissionOf(run, shard) {
      const hosted = find(run, shard);
      return hosted === undefined ? undefined : createShardAdmission(hosted.state);
    },
    sizeOf: (run, shard) => find(run, shard)?.state.size,
    payloadsOf(run, shard) {
      const state = find(run, shard)?.state;
      if (state === undefined) return undefined;
      const { codec, given } = state;
      return { wordsOf: codec.wordsOf, maximumWords: codec.maximumWords, differenceWords: given.differenceWords };
    },
  };
}

function leads(node: string, seat: ShardSeat | undefined): boolean {
  return seat === undefined || seat.primary.node === node;
}

function staleTerm(node: string, run: string, term: number, known: number): ShoalError {
  return new ShoalError("stale_term", `${node} knows term ${known} of run ${run} and refuses term ${term}`, {
    run,
    node,
    term,
    known,
  });
}
