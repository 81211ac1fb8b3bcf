/**
 * The aggregator of a federated task: clients come, train and contribute; each step of the run is one round that was
 * committed.
 *
 * Boundary    Owns no parameters: it is given the values of a step, and gives back the pseudo-gradient of its round. Whoever
 *             calls pushes that under the step's number, so a round that is committed twice counts once.
 * Take-over   State is in the store (K1). Contributions are not: who goes on asks the clients for them again.
 * Bounds      `mostClients` known clients, `invited` in a round, unfinished uploads by `IntakeLimits`.
 */
import type { Clock, Random, StateStore } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  isEnded,
  nothingCarried,
  startRound,
  type AggregatorPlane,
  type Report,
  type RoundStep,
  type RoundSummary,
  type TaskDescription,
} from "@shoal/federated";
import { createContributionStore } from "./contributions/contribution-store.ts";
import { combineRound, type Combined } from "./commit/combine-round.ts";
import { createRoundKeeper } from "./keeper/round-keeper.ts";
import type { TaskRecord } from "./keeper/task-record.ts";
import { createRoundSignals, type RoundSignals } from "./keeper/round-signals.ts";
import { openRecord, type OpenedRecord } from "./open-record.ts";
import { createRegistry } from "./population/registry.ts";
import { closeRound } from "./serve/close-round.ts";
import { createClientEvaluations } from "./serve/client-evaluations.ts";
import { carryOut } from "./serve/carry-out.ts";
import { serveClient } from "./serve/serve-client.ts";
import type { Room } from "./serve/room.ts";
import type { AggregatorSettings } from "./settings.ts";
import { createPublishedValues } from "./values/published-values.ts";
import type { VectorCodecs } from "./values/vector-codecs.ts";

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
  /** Told of every round that has ended. */
  readonly onRound?: (summary: RoundSummary) => void;
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
  readonly contributions: number;
}

export interface Aggregator {
  /**
   * Plays rounds from these values until one can be committed. Calling it for a step says that those before it are in the
   * parameters. One call at a time.
   * @throws ShoalError stale_term - another aggregator has taken over; cancelled - closed; too_few_clients
   */
  aggregate(work: AggregatorWork): Promise<Aggregated>;
  /** What was measured on the test split with the values of a version: told with the round that made it. */
  evaluated(version: number, result: { readonly accuracy: number; readonly loss: number }): void;
  /** The run is over: its newest round is told, and the clients that it is. */
  finish(version: number, parameters: Float32Array, reason: string): Promise<void>;
  /** Stops serving at once; the round goes on with whoever opens the task next. */
  close(): Promise<void>;
}

/** Rounds whose values are kept beside those that a contribution may be based on. */
const spareRounds = 2;
/** Measured versions that are remembered until their round is told. */
const mostResults = 4;

interface Task {
  readonly options: AggregatorOptions;
  readonly room: Room;
  readonly signals: RoundSignals;
  readonly results: Map<number, { readonly accuracy: number; readonly loss: number }>;
}

/** Takes the task over. @throws ShoalError store_unavailable, store_conflict */
export async function openAggregator(options: AggregatorOptions): Promise<Aggregator> {
  const { run, settings, plane, store, clock, description } = options;
  const fresh = { clip: description.privacy.clip, ledger: null, lastRecord: null };
  const opened = await openRecord({ run, store, clock }, fresh);
  const signals = createRoundSignals();
  const room = furnish(options, opened, signals, () => void close());
  const task: Task = { options, room, signals, results: new Map() };
  const stop = plane.serve((client, request) => serveClient(room, client, request));
  if (opened.resumed !== undefined) takeOver(room, opened.resumed);
  plane.tellAll({ type: "aggregator_here", withinMs: settings.pace.leastMs });
  const sweeping = sweep(room);

  async function close(): Promise<void> {
    sweeping.stop();
    signals.fail(new ShoalError("cancelled", `the aggregator of run ${run} was closed`));
    room.keeper.close();
    await stop();
  }

  return {
    aggregate: (work) => aggregate(task, work),
    evaluated(version, result) {
      task.results.set(version, result);
      for (const old of [...task.results.keys()].slice(0, -mostResults)) task.results.delete(old);
    },
    async finish(version, parameters, reason) {
      await settle(task, { step: room.keeper.record.step + 1, version, parameters });
      plane.tellAll({ type: "task_over", reason });
    },
    close,
  };
}

function furnish(options: AggregatorOptions, opened: OpenedRecord, signals: RoundSignals, stop: () => void): Room {
  const { run, settings, store, clock, codecs, description } = options;
  const keeper = createRoundKeeper({
    ...{ run, clock, store, record: opened.record, revision: opened.revision },
    onEffect(effect) {
      if (effect.type === "commit") signals.commit(effect.reports);
      else carryOut(room, effect);
    },
    onStep: (step) => signals.stepped(step),
    onFailed(error) {
      signals.fail(error);
      stop();
    },
  });
  const room: Room = {
    ...{ task: description.task, description, settings, plane: options.plane, clock, random: options.random, keeper },
    ...{ registry: createRegistry(settings), codecs, traffic: { down: 0, up: 0 } },
    values: createPublishedValues(codecs, settings.plan.maximumStaleness + spareRounds),
    contributions: createContributionStore(settings.intake),
    evaluations: createClientEvaluations(),
  };
  return room;
}

async function aggregate(task: Task, work: AggregatorWork): Promise<Aggregated> {
  const { room, signals, options } = task;
  const { keeper } = room;
  await settle(task, work);
  room.values.publish(keeper.record.round.number, work.version, work.parameters);
  for (;;) {
    if (isEnded(keeper.record.round)) {
      signals.forget();
      begin(room, work);
    }
    const end = await signals.next();
    if (end.kind === "ended") {
      await keeper.written();
      tell(task, work);
      continue;
    }
    const { number: round } = keeper.record.round;
    const contributions = room.contributions.accepted(end.reports.map(({ contribution }) => contribution));
    const combined = await combineRound(room, contributions, work);
    options.onNote?.(`round ${round}: ${contributions.length} contributions, ${combined.samples} samples`);
    return { ...combined, round, contributions: contributions.length };
  }
}

/** What was to be committed for an earlier step is in the parameters now. */
async function settle(task: Task, work: Omit<AggregatorWork, "gradient">): Promise<void> {
  const { keeper, clock } = task.room;
  if (isEnded(keeper.record.round) || keeper.record.step >= work.step) return;
  keeper.dispatch({ type: "committed", version: work.version });
  // A round that is still open was for a step that others have taken meanwhile.
  if (!isEnded(keeper.record.round)) keeper.adopt(abandonForeign(keeper.record, clock.now()));
  await keeper.written();
  tell(task, work);
}

function tell(
  { room, results, options }: Task,
  { version, parameters }: Omit<AggregatorWork, "gradient" | "step">,
): void {
  const summary = closeRound(room, { version, parameters, result: results.get(version) ?? null });
  if (summary === undefined) return;
  room.plane.tellAll({ type: "round_closed", summary });
  options.onRound?.(summary);
}

/** Contributions were with the aggregator before this one: their clients are asked again. */
function takeOver({ keeper, clock, contributions }: Room, resumed: RoundStep): void {
  const lost = new Set(reportsOf(resumed).map(({ contribution }) => contribution));
  const outcomes = keeper.record.outcomes.filter(([id]) => !lost.has(id));
  const pending = resumed.effects.filter(({ type }) => type !== "commit" && type !== "accept_report");
  keeper.adopt({ ...resumed, effects: pending }, { outcomes });
  if (lost.size > 0) keeper.dispatch({ type: "contributions_lost" });
  contributions.expire(clock.now());
}

function reportsOf({ state }: RoundStep): readonly Report[] {
  if (isEnded(state)) return state.carried.reports;
  if (state.phase === "committing") return [...state.reports, ...state.carried.reports];
  return state.phase === "selecting" ? [] : state.reports;
}

/** The next round, with what the last one left. */
function begin({ keeper, settings, clock, values, traffic, registry }: Room, work: AggregatorWork): void {
  const { round } = keeper.record;
  const carried = isEnded(round) ? round.carried : nothingCarried;
  const number = round.number + 1;
  const oldest = number - settings.plan.maximumStaleness - spareRounds;
  const versions = [...keeper.record.versions.filter(([known]) => known >= oldest), [number, work.version] as const];
  values.publish(number, work.version, work.parameters);
  Object.assign(traffic, { down: 0, up: 0 });
  keeper.adopt(startRound(settings.plan, number, clock.now(), carried), { step: work.step, versions });
  keeper.dispatch({ type: "available", count: registry.idle });
}

function abandonForeign({ round }: TaskRecord, atMs: number): RoundStep {
  const reason = "its step was taken without it";
  const { number } = round;
  return {
    state: { phase: "abandoned", number, atMs, reason, carried: nothingCarried, isTorn: false },
    effects: [],
    reason,
  };
}

/** Forgets silent clients and unfinished uploads from time to time. */
function sweep({ clock, registry, contributions, keeper, settings }: Room): { stop(): void } {
  const everyMs = settings.leaseMs / 3;
  let timer = clock.after(everyMs, look);
  function look(): void {
    registry.sweep(clock.now());
    contributions.expire(clock.now());
    keeper.dispatch({ type: "available", count: registry.idle });
    timer = clock.after(everyMs, look);
  }
  return { stop: () => timer.cancel() };
}
