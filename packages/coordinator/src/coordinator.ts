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
 */
import { tryTell, type ActorContext, type ActorSystem, type Behavior, type Ref, type StateStore } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { acceptorOf, coordinatorAddress, coordinatorSchema, type CoordinatorMessage } from "@shoal/protocol";
import { reconcile, type ClusterState, type Outgoing, type Reconciliation } from "./cluster-state.ts";
import { composeServerCommand, composeWorkerCommand } from "./commands/compose.ts";
import { dispatch } from "./dispatch/dispatch.ts";
import { handleTick } from "./dispatch/membership-messages.ts";
import type { Reply, Step } from "./dispatch/step.ts";
import { handleOwn, isControl, isOwn, type Inbox } from "./inbox.ts";
import { durableChanges } from "./journal/changes.ts";
import { createJournal, type JournalCommand } from "./journal/journal.ts";
import { recover } from "./journal/recover.ts";
import { createCoordinatorMetrics, type CoordinatorMetrics } from "./status/coordinator-metrics.ts";
import { describeChanges } from "./status/describe-changes.ts";
import { createInquiries } from "./waits/inquiry.ts";
import { completeSettings, type CoordinatorSettings } from "./settings.ts";

export interface CoordinatorOptions {
  /** Its node is `coordinator` in a cluster whose members find it by `coordinatorAddress`. */
  readonly system: ActorSystem;
  readonly store: StateStore;
  /** Name of the cluster, for people. */
  readonly cluster: string;
  readonly settings?: Partial<CoordinatorSettings>;
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

function createCoordinator(
  options: CoordinatorOptions,
  settings: CoordinatorSettings,
  context: ActorContext<Inbox>,
  metrics: CoordinatorMetrics,
): Behavior<Inbox> {
  const { clock } = context;
  const note = options.onNote ?? ((): void => undefined);
  let cluster: ClusterState | undefined;
  let journal: Ref<JournalCommand> | undefined;
  const inquiries = createInquiries(context.system, () => cluster);
  metrics.observe(() => cluster?.membership);

  const settle = (before: ClusterState, step: Step): void => {
    const settled = settleStep(step, clock.now(), settings);
    cluster = settled.cluster;
    const entries = durableChanges(before, settled.cluster);
    if (entries.length > 0) journal?.tell({ type: "keep", entries });
    const replies = [...step.replies, ...settled.outgoing.flatMap((each) => compose(settled.cluster, each, context))];
    for (const { to, message } of replies) {
      const failure = tryTell(to, message);
      // C1: it is asked again, or told again.
      if (failure !== undefined) note(`${to.address} could not be told ${message.type}: ${failure.message}`);
    }
    const changes = describeChanges(before, settled.cluster, clock.now());
    for (const sentence of [...step.notes, ...settled.notes, ...changes]) note(sentence);
    for (const lease of step.endedLeases ?? []) metrics.leaseEnded(lease);
  };
  const begin = async (): Promise<void> => {
    const recovery = await recover(options.store, options.cluster, clock.now());
    cluster = recovery.cluster;
    const { term } = recovery.cluster;
    journal = context.spawn("journal", createJournal({ store: options.store, term, reports: context.self }));
    journal.tell({ type: "keep", entries: recovery.entries });
    for (const sentence of recovery.notes) note(sentence);
  };
  const tick = async (): Promise<void> => {
    context.after(settings.tickMs, { type: "tick" });
    if (!context.system.connected()) return; // C3
    try {
      if (cluster === undefined) await begin();
    } catch (thrown) {
      note(`the state of the cluster cannot be read: ${ShoalError.from(thrown).message}`);
    }
    if (cluster !== undefined) settle(cluster, handleTick(cluster, clock.now(), settings));
  };
  context.self.tell({ type: "tick" });
  return (message) => {
    if (message.type === "tick") return tick();
    if (message.type === "explain_run") {
      if (cluster !== undefined) inquiries.begin(message); // C2
    } else if (isOwn(message)) handleOwn(message, context, journal, note);
    else if (cluster !== undefined) settle(cluster, dispatch(cluster, message, clock.now(), settings)); // C2
  };
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
