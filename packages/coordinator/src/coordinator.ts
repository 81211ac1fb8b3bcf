/**
 * The coordinator's actor: hears everyone, lets the pure parts decide, says what they decided.
 *
 * Boundary    Decides nothing. Membership, placement, runs, leases and evaluations are in the folders beside it.
 * State       one `ClusterState`; what of it must survive is written by the journal, a child.
 * Bounds      mailbox 4,096 (many workers may report at once); heartbeats and joins overtake the rest. Messages that are
 *             dropped are repeated by their senders.
 * Invariants
 *   C1  a member is told again what it has not confirmed: every message here may be lost, and come twice.
 *   C2  nothing is handled before the state of the last coordinator has been read.
 *   C3  while it is cut off from its bus no time passes: the first tick afterwards is late, and lateness is forgiven (M4).
 *   C4  nothing is said before what it follows from is written (O1). So the next coordinator goes on where this one was.
 *   C5  without the lead it decides nothing: it waits for it at first, and is silent when it cannot be renewed in time.
 */
import { tryTell, type ActorContext, type ActorSystem, type Behavior, type Ref, type StateStore } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  acceptorOf,
  coordinatorAddress,
  coordinatorSchema,
  type CoordinatorMessage,
  type SnapshotStore,
} from "@shoal/protocol";
import { reconcile, type ClusterState, type Outgoing, type Reconciliation } from "./cluster-state.ts";
import { composeServerCommand, composeWorkerCommand } from "./commands/compose.ts";
import { dispatch } from "./dispatch/dispatch.ts";
import { handleDeaf, handleTick } from "./dispatch/membership-messages.ts";
import type { Reply, Step } from "./dispatch/step.ts";
import { handleOwn, isControl, isOwn, type Inbox, type OwnMessage } from "./inbox.ts";
import { durableChanges } from "./journal/changes.ts";
import { createJournal, type JournalCommand } from "./journal/journal.ts";
import { recover } from "./journal/recover.ts";
import { createLeader, type LeaderCommand, type LeaderOptions } from "./leadership/leader.ts";
import { createSearch, type MemberDeaf } from "./membership/look-for.ts";
import type { Member } from "./membership/membership.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { keeperReported } from "./snapshots/keeper-reports.ts";
import { keeperTasks } from "./snapshots/keeper-tasks.ts";
import { createSnapshotKeeper, type KeeperCommand, type KeeperReport } from "./snapshots/snapshot-keeper.ts";
import { createCoordinatorMetrics, type CoordinatorMetrics } from "./status/coordinator-metrics.ts";
import { describeChanges } from "./status/describe-changes.ts";
import { createInquiries } from "./waits/inquiry.ts";
import { passOn } from "./waits/pass-on.ts";
import { completeSettings, type CoordinatorSettings } from "./settings.ts";

export interface CoordinatorOptions {
  /** Its node is `coordinator` in a cluster whose members find it by `coordinatorAddress`. */
  readonly system: ActorSystem;
  readonly store: StateStore;
  /** Name of the cluster, for people. */
  readonly cluster: string;
  readonly settings?: Partial<CoordinatorSettings>;
  /** Where snapshots are kept; without it none are taken. */
  readonly snapshots?: SnapshotStore | undefined;
  /** Told in one sentence of everything that people may want to know of: joins, losses, phases, failures. */
  readonly onNote?: (sentence: string) => void;
}

export interface CoordinatorHandle {
  readonly ref: Ref<CoordinatorMessage>;
  /** Settles when the actor is gone: closed, or superseded by another coordinator. */
  readonly stopped: Promise<void>;
  /** Writes what is not written yet (for at most a second) and stops. Idempotent. */
  close(): Promise<void>;
}

const capacity = 4096;

/**
 * Starts the coordinator's actor under the name `main`.
 *
 * @throws RangeError when settings contradict each other
 * @throws ShoalError invalid_argument - the system has an actor of this name
 */
export function startCoordinator(options: CoordinatorOptions): CoordinatorHandle {
  const settings = completeSettings(options.settings);
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  const name = coordinatorAddress.slice(coordinatorAddress.indexOf("/") + 1);
  const metrics = createCoordinatorMetrics();
  const ref = options.system.spawn<Inbox>(name, (context) => createCoordinator(options, settings, context, metrics), {
    capacity,
    isControl,
    accepts: acceptorOf(coordinatorSchema),
    onStop: () => {
      metrics.end();
      resolve();
    },
  });
  return {
    ref,
    stopped,
    close: () => {
      ref.tell({ type: "close" });
      return stopped;
    },
  };
}

/** What the functions below share. */
interface Desk {
  readonly options: CoordinatorOptions;
  readonly settings: CoordinatorSettings;
  readonly context: ActorContext<Inbox>;
  readonly metrics: CoordinatorMetrics;
  readonly outbox: Outbox;
  readonly leader: Ref<LeaderCommand>;
  readonly keeper: Ref<KeeperCommand>;
  readonly lookFor: (member: Member) => void;
  readonly note: (sentence: string) => void;
  /** Undefined before the lead is taken, as the journal. */
  cluster: ClusterState | undefined;
  journal: Ref<JournalCommand> | undefined;
  leadsUntilMs: number;
}

function createCoordinator(
  options: CoordinatorOptions,
  settings: CoordinatorSettings,
  context: ActorContext<Inbox>,
  metrics: CoordinatorMetrics,
): Behavior<Inbox> {
  const note = options.onNote ?? ((): void => undefined);
  const leader = context.spawn("leader", createLeader(leaderOptions(options.store, settings, context)));
  const keeper = context.spawn("snapshots", createSnapshotKeeper({ store: options.snapshots, reports: context.self }));
  const desk: Desk = {
    ...{ options, settings, context, metrics, note, leader, keeper, outbox: createOutbox(note) },
    lookFor: createSearch(context.system, context.self),
    ...{ cluster: undefined, journal: undefined, leadsUntilMs: Number.NEGATIVE_INFINITY },
  };
  const inquiries = createInquiries(context.system, () => desk.cluster);
  metrics.observe(() => desk.cluster?.membership);
  context.self.tell({ type: "tick" });
  return async (message) => {
    if (isOwn(message)) return hearOwn(desk, message);
    const { cluster } = desk;
    if (cluster === undefined) return; // C2
    if (message.type === "explain_run") return inquiries.begin(message);
    if (message.type === "read_rounds") return passOn(context.system, cluster, message);
    const now = context.clock.now();
    if (now < desk.leadsUntilMs || promisesNothing(message))
      settle(desk, cluster, dispatch(cluster, message, now, settings));
  };
}

async function hearOwn(desk: Desk, message: OwnMessage): Promise<void> {
  const { context, settings, journal, leader, note } = desk;
  switch (message.type) {
    case "tick":
      context.after(settings.tickMs, { type: "tick" });
      return turn(desk);
    case "leading": {
      const isFirst = desk.leadsUntilMs === Number.NEGATIVE_INFINITY;
      desk.leadsUntilMs = message.untilMs;
      if (!isFirst) return;
      note(`this coordinator leads cluster ${desk.options.cluster}: ${message.reason}`);
      return turn(desk);
    }
    case "journal_kept":
      desk.outbox.kept(message.mark);
      return;
    case "member_deaf":
      return hearDeaf(desk, message);
    case "snapshot_published":
    case "snapshot_unpublished":
    case "snapshot_found":
    case "snapshot_not_found":
    case "snapshot_noted":
      return hearKeeper(desk, message);
    default:
      handleOwn(message, context, { journal, leader }, note);
  }
}

async function turn(desk: Desk): Promise<void> {
  const { context, settings, note } = desk;
  const { clock, system } = context;
  if (!system.connected() || clock.now() >= desk.leadsUntilMs) return; // C3, C5
  try {
    if (desk.cluster === undefined) await begin(desk);
  } catch (thrown) {
    note(`the state of the cluster cannot be read: ${ShoalError.from(thrown).message}`);
  }
  if (desk.cluster !== undefined) settle(desk, desk.cluster, handleTick(desk.cluster, clock.now(), settings));
}

async function begin(desk: Desk): Promise<void> {
  const { options, context, outbox, note } = desk;
  const { store } = options;
  const recovery = await recover(store, options.cluster, context.clock.now());
  const { revisions, entries, notes } = recovery;
  const cluster = heardNow(recovery.cluster, context.clock.now());
  const { term } = cluster;
  desk.journal = context.spawn("journal", createJournal({ store, term, revisions, reports: context.self }));
  desk.cluster = cluster;
  for (const task of keeperTasks(undefined, cluster, context.clock.now())) tryTell(desk.keeper, task);
  outbox.keep(entries, desk.journal);
  for (const sentence of notes) note(sentence);
}

/** Leases begin with the end of the reading: nobody could be heard meanwhile. */
function heardNow(cluster: ClusterState, now: number): ClusterState {
  const members = [...cluster.membership.members].map(
    ([number, member]) => [number, { ...member, heardAtMs: now }] as const,
  );
  return { ...cluster, membership: { ...cluster.membership, members: new Map(members) } };
}

function settle(desk: Desk, before: ClusterState, step: Step): void {
  const { context, settings, outbox, metrics, note } = desk;
  const now = context.clock.now();
  const settled = settleStep(step, now, settings);
  desk.cluster = settled.cluster;
  for (const task of [...(step.tasks ?? []), ...keeperTasks(before, settled.cluster, now)]) tryTell(desk.keeper, task);
  outbox.keep(durableChanges(before, settled.cluster), desk.journal);
  const commands = settled.outgoing.flatMap((each) => compose(settled.cluster, each, context));
  if (step.isAnswerOnly === true) outbox.answer(step.replies);
  else outbox.say([...step.replies, ...commands]); // C4
  const changes = describeChanges(before, settled.cluster, now);
  for (const sentence of [...step.notes, ...settled.notes, ...changes]) note(sentence);
  for (const lease of step.endedLeases ?? []) metrics.leaseEnded(lease);
  for (const member of step.lookFor ?? []) desk.lookFor(member);
}

function hearDeaf(desk: Desk, report: MemberDeaf): void {
  const { cluster, context, settings } = desk;
  const now = context.clock.now();
  if (cluster !== undefined && now < desk.leadsUntilMs)
    settle(desk, cluster, handleDeaf(cluster, report, now, settings));
}

function hearKeeper(desk: Desk, report: KeeperReport): void {
  const { cluster, context, settings } = desk;
  const now = context.clock.now();
  // C5: what is asked for is asked for again.
  if (cluster !== undefined && now < desk.leadsUntilMs) {
    settle(desk, cluster, keeperReported(cluster, report, now, settings));
  }
}

function leaderOptions(
  store: StateStore,
  { leaderLeaseMs }: CoordinatorSettings,
  context: ActorContext<Inbox>,
): LeaderOptions {
  const { system, clock, random, self } = context;
  const begun = Math.floor(clock.now()).toString(36);
  const holder = `${system.node}-${begun}-${Math.floor(random.uniform() * 2 ** 32).toString(16)}`;
  return { store, holder, leaseMs: leaderLeaseMs, reports: self, isConnected: () => system.connected() };
}

/** Questions: whoever answers them changes nothing. */
function promisesNothing(message: CoordinatorMessage): boolean {
  return message.type === "describe_run" || message.type === "describe_cluster";
}

function settleStep(step: Step, now: number, settings: CoordinatorSettings): Reconciliation {
  return step.reconcile ? reconcile(step.cluster, now, settings) : { cluster: step.cluster, outgoing: [], notes: [] };
}

function compose(cluster: ClusterState, { run, command }: Outgoing, context: ActorContext<Inbox>): readonly Reply[] {
  const member = cluster.membership.members.get(command.member);
  const message =
    composeServerCommand(run, command, context.self) ??
    composeWorkerCommand(run, command, context.self, context.clock.now());
  return member === undefined || message === undefined ? [] : [{ to: context.system.ref(member.control), message }];
}
