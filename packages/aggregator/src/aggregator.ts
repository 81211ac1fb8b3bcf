/**
 * The aggregator of a federated task: clients come, train and contribute; each step of the run is one round that was
 * committed.
 *
 * Boundary    Owns no parameters: it is given the values of a step, and gives back the pseudo-gradient of its round. Whoever
 *             calls pushes that under the step's number, so a round that is committed twice counts once.
 * Take-over   State is in the store (K1). Contributions are not: who goes on asks the clients for them again.
 * Bounds      `mostClients` known clients, `invited` in a round, unfinished uploads by `IntakeLimits`; contributions that
 *             were accepted: at most `goal` + `invited`, each as long as its encoding is; values of `maximumStaleness` + 2
 *             rounds.
 */
import type { Clock, Random, StateStore } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { isEnded, systemSubtle, type AggregatorPlane, type RoundSummary, type TaskDescription } from "@shoal/federated";
import type { VectorCodecs } from "@shoal/optimization";
import type { SnapshotStore } from "@shoal/protocol";
import { beginTask, type TaskBeginning } from "./begin-task.ts";
import { goBack } from "./carry/go-back.ts";
import { readSavedTask, saveTask, type SavedWork } from "./carry/saved-task.ts";
import type { Combined } from "./commit/combine-round.ts";
import { createLastUpdate, type LastUpdate } from "./commit/last-update.ts";
import { createContributionStore } from "./contributions/contribution-store.ts";
import { createControlVariate } from "./control/control-variate.ts";
import { createRoundKeeper, type RoundKeeper } from "./keeper/round-keeper.ts";
import type { TaskRecord } from "./keeper/task-record.ts";
import { createRoundSignals, type RoundSignals } from "./keeper/round-signals.ts";
import { openRecord, type OpenedRecord } from "./open-record.ts";
import { createRegistry } from "./population/registry.ts";
import { createRestWatch } from "./population/rest-watch.ts";
import { createRoundLog, type ChainedRound } from "./records/round-log.ts";
import { createRunAccount, type RunAccount } from "./records/run-account.ts";
import { createTimeline } from "./records/timeline.ts";
import { describeWait } from "./rounds/describe-wait.ts";
import { describeWaiting } from "./rounds/wait-for-clients.ts";
import { endRounds, evaluated } from "./rounds/end-round.ts";
import { playStep } from "./rounds/play-step.ts";
import { withLedger } from "./rounds/privacy-ledger.ts";
import { createRoundNews } from "./rounds/round-news.ts";
import { spareRounds } from "./rounds/begin-round.ts";
import { reportsOf, takeOver } from "./rounds/take-over.ts";
import type { Task } from "./rounds/task.ts";
import { carryOut } from "./serve/carry-out.ts";
import { createClientEvaluations } from "./serve/client-evaluations.ts";
import { availableClients } from "./serve/available-clients.ts";
import { leaseFactor, type Room } from "./serve/room.ts";
import { membersOf } from "./serve/round-offer.ts";
import { serveLast } from "./serve/last-model.ts";
import { serveClient } from "./serve/serve-client.ts";
import type { AggregatorSettings } from "./settings.ts";
import { createSecureSums } from "./secure/secure-sums.ts";
import { createContributionTraces } from "./tracing/contribution-traces.ts";
import { createPublishedValues } from "./values/published-values.ts";

export interface AggregatorOptions {
  readonly run: string;
  readonly description: TaskDescription;
  readonly settings: AggregatorSettings;
  readonly plane: AggregatorPlane;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Borrowed. */
  readonly codecs: VectorCodecs;
  /** Takes the masks off secure sums. Default: the platform's. */
  readonly subtle?: SubtleCrypto;
  /** Told of every round that has ended. */
  readonly onRound?: (summary: RoundSummary) => void;
  /** Told of each record of the audit log; of one twice, after a take-over. Must not throw. */
  readonly onRecord?: (record: ChainedRound) => void;
  /** The newest record of a whole log, wherever that is kept: asked for where the store knows of no round. */
  readonly lastRecord?: () => Promise<ChainedRound | undefined>;
  /** Where the run's snapshots are kept, and beside them what must not go back with it; undefined: nowhere. */
  readonly snapshots?: SnapshotStore | undefined;
  /** What the snapshot holds that the run goes on from; undefined: nothing, or it goes on from none. Kept. */
  readonly origin?: SavedWork | undefined;
  /** Takes a sentence for people. */
  readonly onNote?: (sentence: string) => void;
}

/** A step of the run. */
export interface AggregatorWork {
  readonly step: number;
  /** Of `parameters`. */
  readonly version: number;
  /** [size] float32, borrowed until the call settles. */
  readonly parameters: Float32Array;
  /** [size] float32, overwritten with −Δ. */
  readonly gradient: Float32Array;
}

/** What a round has come to. */
export interface Aggregated extends Combined {
  readonly round: number;
}

export interface Aggregator {
  /**
   * Plays rounds from these values until one can be committed. Calling it for a step says that those before it are in the
   * parameters. One call at a time.
   * @throws ShoalError stale_term - another aggregator has taken over; cancelled - closed; privacy_budget_spent
   */
  aggregate(work: AggregatorWork): Promise<Aggregated>;
  /**
   * The values after the newest step that was aggregated here, as measured on the test split: its round is told with them.
   * @param parameters - [size] float32, borrowed until the call settles
   */
  evaluated(parameters: Float32Array, result: { readonly accuracy: number; readonly loss: number }): Promise<void>;
  /**
   * For a snapshot of these values, before they are aggregated for; `origin` of whoever goes on from it.
   * @throws ShoalError store_unavailable
   */
  save(version: number): Promise<SavedWork>;
  /** The run is over: clients are told that the task is, and fetch its last values, if those were `evaluated`. */
  finish(reason: string): Promise<void>;
  /** What the open round waits for, as a phrase; undefined between rounds. */
  describe(): string | undefined;
  /** Stops serving at once; the round goes on with whoever opens the task next. */
  close(): Promise<void>;
}

/** Takes the task over. @throws ShoalError store_unavailable, store_conflict; snapshot_corrupt */
export async function openAggregator(options: AggregatorOptions): Promise<Aggregator> {
  const { run, plane, store, clock, settings } = options;
  const { snapshots, onNote = (): void => undefined } = options;
  const account = createRunAccount({ run, clock, snapshots, onNote });
  const opened = await openRecord({ run, store, clock, begin: () => beginFrom(options, account) });
  const signals = createRoundSignals();
  const room = furnish({ ...options, account }, opened, signals, () => void close());
  const { keeper } = room;
  const log = createRoundLog({ run, store, clock, keeper });
  const news = createRoundNews(clock, plane);
  const fresh = { isRepeated: false, combinedAtMs: 0, telling: Promise.resolve() };
  const task: Task = {
    options,
    room,
    signals,
    log,
    news,
    told: toldBefore(keeper.record, log.newest),
    ...fresh,
  };
  const stop = plane.serve((client, request) => serveClient(room, client, request));
  if (opened.resumed !== undefined) takeOver(room, opened.resumed);
  plane.tellAll({ type: "aggregator_here", withinMs: settings.pace.soonMs });
  const sweeping = sweep(room);

  async function close(): Promise<void> {
    sweeping.stop();
    room.rests.stop();
    room.secure?.close();
    signals.fail(new ShoalError("cancelled", `the aggregator of run ${run} was closed`));
    keeper.close();
    task.news.flush();
    await stop();
  }

  return {
    aggregate: (work) => playStep(task, work),
    evaluated: (parameters, result) => evaluated(task, parameters, result),
    async save(version) {
      // Where no step has been asked for yet, the values are those of the snapshot that the run goes on from.
      if (isEnded(keeper.record.round)) await goBack(task, version);
      return saveTask(room, version);
    },
    async finish(reason) {
      // Whoever waits for a step's update waits in vain: no other round is begun.
      signals.fail(new ShoalError("cancelled", reason));
      await endRounds(task, reason);
      room.traces.forgetBefore(Infinity, clock.now());
      // What is left there does no harm.
      await room.control?.clear().catch(() => undefined);
      await room.lastUpdate?.clear().catch(() => undefined);
      room.last.over = reason.slice(0, 1_000);
      plane.tellAll({ type: "task_over", reason: room.last.over, model: room.last.model });
      await serveLast(room);
    },
    describe: () =>
      room.secure?.describe() ??
      describeWaiting(room) ??
      describeWait(room.keeper.record.round, clock.now(), room.registry),
    close,
  };
}

async function beginFrom(options: AggregatorOptions, account: RunAccount): Promise<TaskBeginning> {
  const { run, settings, description, lastRecord, origin } = options;
  return beginTask(settings, description, async () => ({
    lastRecord: await lastRecord?.(),
    account: await account.read(),
    saved: origin === undefined ? undefined : readSavedTask(run, origin.text),
  }));
}

/** The newest round that needs not be told. Of a task that the store did not know no round has been played here. */
function toldBefore({ round, step }: TaskRecord, logged: number): number {
  if (step === -1) return round.number;
  return isEnded(round) ? logged : round.number - 1;
}

function furnish(
  options: AggregatorOptions & { readonly account: RunAccount },
  opened: OpenedRecord,
  signals: RoundSignals,
  stop: () => void,
): Room {
  const { run, settings, store, clock, codecs, description, account } = options;
  const timeline = createTimeline();
  const keeper = createRoundKeeper({
    ...{ run, clock, store, record: withLedger(opened.record, settings), revision: opened.revision },
    onEffect(effect) {
      if (effect.type === "commit") signals.commit(effect.reports);
      else carryOut(room, effect);
    },
    onStep(step, before) {
      if (step.state.phase === "abandoned") room.control?.uncount(reportsOf(before));
      timeline.stepped(step, clock.now());
      room.secure?.stepped(step);
      signals.stepped(step);
    },
    onFailed(error) {
      signals.fail(error);
      stop();
    },
  });
  const registry = createRegistry(settings, keeper.record.lasting.held);
  const room: Room = {
    ...{ task: description.task, description, settings, plane: options.plane, clock, random: options.random, keeper },
    ...{
      registry,
      rests: createRestWatch(clock, registry, () => room.noteAvailable()),
      codecs,
      traffic: { down: 0, up: 0 },
      timeline,
      account,
    },
    traces: createContributionTraces(run),
    values: createPublishedValues(codecs, settings.plan.maximumStaleness + spareRounds),
    contributions: createContributionStore(settings.intake),
    evaluations: createClientEvaluations(),
    last: { model: null, over: undefined, askedAtMs: 0 },
    population: { waitingSinceMs: undefined, calledAtMs: -Infinity },
    noteAvailable() {
      keeper.dispatch({ type: "available", count: availableClients(room), declining: registry.declining });
      signals.look();
    },
    secure: secureOf(options, () => room),
    control: controlOf(options, keeper),
    lastUpdate: lastUpdateOf(options, keeper),
  };
  return room;
}

/** Where the task masks its contributions. */
function secureOf({ settings, subtle }: AggregatorOptions, room: () => Room): Room["secure"] {
  if (settings.secure === null) return null;
  return createSecureSums(settings.secure, { room, subtle: subtle ?? systemSubtle() });
}

/** SCAFFOLD's, where the task wants it. */
function controlOf({ run, store, clock, settings, codecs }: AggregatorOptions, keeper: RoundKeeper): Room["control"] {
  if (settings.local.correction === "none") return undefined;
  return createControlVariate({ run, store, clock, keeper, size: codecs.size, population: settings.population });
}

function lastUpdateOf(
  { run, store, clock, settings, codecs }: AggregatorOptions,
  keeper: RoundKeeper,
): LastUpdate | undefined {
  if (settings.robust?.name !== "centred_clipping") return undefined;
  return createLastUpdate({ run, store, clock, size: codecs.size }, () => keeper.record.term);
}

/** Forgets silent clients and unfinished uploads from time to time. */
function sweep(room: Room): { stop(): void } {
  const { clock, registry, contributions, settings, keeper } = room;
  const everyMs = settings.leaseMs / leaseFactor;
  let timer = clock.after(everyMs, look);
  function look(): void {
    const awaited = new Set(membersOf(keeper.record.round).map(({ client }) => client));
    registry.sweep(clock.now(), (client) => awaited.has(client));
    contributions.expire(clock.now());
    room.noteAvailable();
    timer = clock.after(everyMs, look);
  }
  return { stop: () => timer.cancel() };
}
