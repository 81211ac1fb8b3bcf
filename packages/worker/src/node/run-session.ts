/**
 * One run on this worker, from the data to the model file: owns its client, compute and buffers.
 *
 * Boundary    Decides nothing about which runs there are (see `worker-node`). Runs beside the actors, so it may wait.
 * Invariants
 *   R1  `stop` settles within about a second, whatever was going on; memory is freed once nobody uses it any more.
 *   R2  A run's sequence numbers begin once: the client that pushes is never made anew.
 *   R3  A session that ends while its run goes on lets its pushes arrive: a synchronous step that reached some shards and
 *       not others is lost when nobody else is in it.
 */
import type { ActorSystem, Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  createLineReports,
  synchronousSteps,
  type CoordinatorMessage,
  type LinkFactory,
  type LinkIdentity,
  type LogPart,
  type Placement,
  type SaveSlots,
  type SnapshotStore,
  type StartRun,
  type WorkerAssignment,
  type WorkerReply,
} from "@shoal/protocol";
import type { Kernels } from "@shoal/kernels-wasm";
import { parseEncodingSpec } from "@shoal/optimization";
import type { ClientEncoding } from "../client/vector-coding.ts";
import {
  createParameterClient,
  type ParameterClient,
  type ParameterClientOptions,
} from "../client/parameter-client.ts";
import { defaultRetrySettings, type RetrySettings } from "../client/retry-policy.ts";
import type { ClientWait } from "../client/wait-list.ts";
import { traceEvaluations } from "../compute/traced-compute.ts";
import { createAssignmentBoard } from "../loop/assignment-board.ts";
import { patienceOf } from "../loop/patience.ts";
import { createSessionState } from "../saved/session-state.ts";
import type { WorkerStateStore } from "../saved/state-store.ts";
import type { LoopEnd } from "../loop/training-loop.ts";
import { atMost } from "../time/at-most.ts";
import { createDoings, watchCompute, type Doing } from "./doings.ts";
import { finishRun, type FinishedRun } from "./finish-run.ts";
import { createInitialValuesDuty, giveInitialValues } from "./initial-values.ts";
import { createPlacementInquiry } from "./placement-inquiry.ts";
import { prepareRun, type PreparedRun, type PrepareEnvironment } from "./prepare-run.ts";
import { runLoop, type LoopSession } from "./run-loop.ts";

export interface SessionEnvironment extends PrepareEnvironment {
  readonly system: ActorSystem;
  readonly coordinator: Ref<CoordinatorMessage>;
  readonly links: LinkFactory;
  /** Kernels on the process's memory; made once, when first asked for. */
  readonly kernels: () => Kernels;
  /** Keeps a model file. @returns its absolute path */
  readonly writeModel: (run: string, bytes: Uint8Array) => Promise<string>;
  readonly retry?: Partial<RetrySettings>;
  /** Keeps what a worker has left unsent. */
  readonly states: WorkerStateStore;
  /** Where snapshots are kept. */
  readonly snapshots?: SnapshotStore | undefined;
  /** Takes a sentence for people. */
  readonly onNote?: (sentence: string) => void;
  /** Federated runs: bytes of the log on this machine before `end`, or its last ones. Absent where there are no logs. */
  readonly readRounds?: ((run: string, end: number | null) => Promise<LogPart>) | undefined;
}

/** Told at most once each, never after `stop`. */
export interface SessionListener {
  /** Everything is there, training begins. */
  prepared(data: Pick<PreparedRun, "dataSource" | "trainSamples">): void;
  /** The run cannot go on. */
  failed(error: ShoalError): void;
}

export interface RunSession {
  /** Newest revision that this worker follows. */
  readonly revision: number;
  /** Of the placement that this worker follows. */
  readonly term: number;
  readonly assignment: WorkerAssignment;
  /** @param replyTo told of slots that are given up, when they are saved; absent: it has not asked yet */
  assign(assignment: WorkerAssignment, replyTo?: Ref<WorkerReply>): void;
  /** The shards live there now, if the placement is newer than the one that is followed. */
  follow(placement: Placement): void;
  /** Once it trains; asked again until it answers. */
  saveSlots(command: SaveSlots): void;
  /** Ends the training and writes the model; later calls return the same. @throws ShoalError what prevented it */
  finish(): Promise<FinishedRun>;
  waits(): readonly ClientWait[];
  /** What it has under way, exchanges aside, oldest first. */
  doings(): readonly Doing[];
  /** Ends the training behind the batch or step that is under way; settles when that, or the model, is done. */
  leave(): Promise<void>;
  /**
   * Ends everything (R1). Idempotent.
   * @param goesOn the run does so without this session (R3)
   * @param over why it is over for everybody, where it is
   */
  stop(goesOn?: boolean, over?: string): Promise<void>;
  /** The run is over for everybody: what was saved of it is of no use any more. After `stop`. */
  forget(): Promise<void>;
}

/** Time that `stop` waits for what cannot be called off, such as reading a data file. */
const stopLimitMs = 1_000;
/** Time that pushes on their way have to arrive (R3). */
const arrivalMs = 500;
/** Time that others who compute have to hear that the run is over. */
const goodbyeMs = 250;
/** Time that a training has to end by itself, with its last report, before it is ended for the model's sake. */
const lastReportMs = 250;

interface SessionState extends LoopSession {
  readonly environment: SessionEnvironment;
  /** Ends all that goes on beside it. */
  readonly lasting: AbortController;
  /** Told how the servers can be reached. */
  readonly ways: Pick<ParameterClientOptions, "missed" | "reached">;
  readonly preparing: Promise<PreparedRun>;
  /** Makes sure that the shards get their first values when an assignment asks for it. */
  readonly duty: (assignment: WorkerAssignment) => void;
  /** Pulls the final values. */
  reader: ParameterClient | undefined;
  finishing: Promise<FinishedRun> | undefined;
  /** It has all that it needs: what is under way is its training. */
  isTraining: boolean;
  halting: Promise<void> | undefined;
}

/** Begins at once: loads the data, then trains. */
export function startSession(
  start: StartRun,
  identity: LinkIdentity,
  environment: SessionEnvironment,
  listener: SessionListener,
): RunSession {
  const { clock } = environment.system;
  const abort = new AbortController();
  const lasting = new AbortController();
  const follow = (placement: Placement): void => {
    try {
      for (const each of [client, state.reader]) each?.updatePlacement(placement);
    } catch (error) {
      fail(error);
    }
  };
  const term = (): number => client.placement.term;
  const { system, coordinator } = environment;
  const inquiry = { system, coordinator, identity, signal: lasting.signal, term, follow };
  const ways = watchWays(environment, identity, createPlacementInquiry(inquiry));
  const client = connect({ start, identity, environment, ways }, start.placement, encodingOf(start, environment));
  const doings = createDoings(clock);
  const preparing = prepareRun(start, environment).then((run) => ({
    ...run,
    compute: watchCompute(traceEvaluations(run.compute, identity, clock), doings),
  }));
  const fail = (error: unknown): void => {
    if (!abort.signal.aborted) listener.failed(ShoalError.from(error));
  };
  const duty = createInitialValuesDuty(() => {
    preparing.then((run) => giveInitialValues({ ...run, client })).catch(fail);
  });
  const board = createAssignmentBoard(start.assignment);
  const { saveEvery = null } = start.job.encoding;
  const { states: store, onNote = ignore } = environment;
  // What was unsent in another attempt belongs to steps that this one computes again.
  const name = start.attempt === undefined ? identity.name : `${identity.name}.attempt-${start.attempt}`;
  const saved = createSessionState({ identity: { ...identity, name }, client, store, saveEvery, onNote });
  const shared = {
    ...{ start, identity, environment, abort, lasting, leaving: new AbortController(), ways },
    ...{ board, client, preparing, doings, duty, saved },
  };
  const state: SessionState = {
    ...shared,
    slotStates: undefined,
    reader: undefined,
    finishing: undefined,
    isTraining: false,
    halting: undefined,
  };
  const training = train(state, listener);
  training.catch(fail);
  return faceOf(state, training, follow);
}

/** What the outside sees of a session that has begun. */
function faceOf(state: SessionState, training: Training, follow: RunSession["follow"]): RunSession {
  const { board, client, doings, duty, saved, environment } = state;
  return {
    get revision() {
      return board.current().revision;
    },
    get term() {
      return client.placement.term;
    },
    follow,
    get assignment() {
      return board.current();
    },
    assign(assignment, replyTo) {
      if (board.update(assignment)) duty(assignment);
      if (replyTo !== undefined) state.slotStates?.assigned(replyTo);
    },
    saveSlots: (command) => state.slotStates?.save(command),
    finish: () => (state.finishing ??= finish(state, training)),
    doings: () => doings.list(),
    async leave() {
      state.leaving.abort();
      await Promise.allSettled([state.isTraining ? training : undefined, state.finishing]);
    },
    waits: () => [...client.waits(), ...(state.reader?.waits() ?? [])],
    async stop(goesOn = false, over?: string) {
      state.halting ??= halt(state, training, goesOn, over);
      await atMost(environment.system.clock, stopLimitMs, state.halting);
    },
    forget: () => saved.forget(),
  };
}

type Training = Promise<LoopEnd | undefined>;

/** @returns how the loop ended; undefined when the session was stopped before it began */
async function train(state: SessionState, listener: SessionListener): Training {
  const prepared = await state.preparing;
  await state.saved.restore();
  if (state.abort.signal.aborted) return undefined;
  listener.prepared(prepared);
  state.isTraining = true;
  state.duty(state.board.current());
  return runLoop(state, prepared);
}

async function finish(state: SessionState, training: Training): Promise<FinishedRun> {
  const { start, environment } = state;
  const { model, preprocessing, compute, buffers } = await state.preparing;
  await atMost(environment.system.clock, lastReportMs, training);
  state.abort.abort();
  void state.client.close();
  const end = await training.catch(() => undefined);
  // Who halts closes the reader that is there; one that came later would pull for as long as exchanges are repeated.
  if (state.halting !== undefined) throw new ShoalError("cancelled", `run ${start.run} was stopped`);
  const client = connect(state, state.client.placement); // R2: it only pulls
  state.reader = client;
  const { run, job } = start;
  const stopped = end?.kind === "stopped" ? end : undefined;
  const [buffer] = buffers.parameters;
  const { writeModel } = environment;
  return finishRun({ run, job, model, preprocessing, client, compute, buffer, stopped, writeModel });
}

async function halt(state: SessionState, training: Training, goesOn: boolean, over?: string): Promise<void> {
  const { job } = state.start;
  state.abort.abort();
  state.lasting.abort();
  const letsPushesArrive = synchronousSteps(job.consistency) > 0 || job.encoding.push["name"] !== "float32";
  if (goesOn && letsPushesArrive) await atMost(state.environment.system.clock, arrivalMs, training);
  if (goesOn) await state.saved.save();
  const returned = state.client.close();
  const prepared = await state.preparing.catch(() => undefined);
  if (over !== undefined && prepared !== undefined) {
    await atMost(state.environment.system.clock, goodbyeMs, prepared.compute.finished?.(over) ?? Promise.resolve());
  }
  await prepared?.close(); // fails a computation that is under way, and so ends the loop
  await state.reader?.close();
  await Promise.allSettled([training, state.finishing]);
  // A shard of this process may still read a gradient: until it has let go of it the memory is not ours to free.
  void returned.then(() => prepared?.buffers.free());
}

/** @returns undefined for float32 both ways @throws ShoalError invalid_argument */
function encodingOf({ job }: StartRun, { memory, kernels }: SessionEnvironment): ClientEncoding | undefined {
  const push = parseEncodingSpec(job.encoding.push, "job.encoding.push");
  const pull = parseEncodingSpec(job.encoding.pull, "job.encoding.pull");
  if (pull.name === "auto") {
    const sentence = "job.encoding.pull: expected an encoding, because only pushes are chosen by bandwidth";
    throw new ShoalError("invalid_argument", sentence, { field: "job.encoding.pull" });
  }
  return push.name === "float32" && pull.name === "float32" ? undefined : { push, pull, memory, kernels: kernels() };
}

const ignore = (): void => undefined;

/** A server that cannot be reached may be dead: the coordinator is told, and asked where the shards are now. */
function watchWays(
  { system: { clock }, coordinator }: SessionEnvironment,
  { worker: member, incarnation }: LinkIdentity,
  inquire: () => void,
): SessionState["ways"] {
  const lines = createLineReports({ clock, coordinator, speaker: () => ({ member, incarnation }) });
  return {
    reached: ({ node }) => lines.works(node),
    missed({ node }, error) {
      lines.broke(node, error);
      inquire();
    },
  };
}

function connect(
  { start, identity, environment, ways }: Pick<SessionState, "start" | "identity" | "environment" | "ways">,
  placement: Placement,
  encoding?: ClientEncoding,
): ParameterClient {
  const { system, links, retry } = environment;
  const { job } = start;
  const { clock, random } = system;
  const shared = { identity, placement, links, clock, random, ...ways, job: job.name };
  const options = encoding === undefined ? shared : { ...shared, encoding };
  const giveUpMs = defaultRetrySettings.giveUpMs * patienceOf(job);
  return createParameterClient({ ...options, retry: { giveUpMs, ...retry } });
}
