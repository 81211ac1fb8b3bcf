/** The training loop of a session, with the ports that it is given. */
import type { ActorSystem, Ref } from "@shoal/actors";
import {
  batchParts,
  fragmentOfShard,
  fragmentsOf,
  synchronousSteps,
  type CoordinatorMessage,
  type JobSpec,
  type LinkIdentity,
  type ProgressFigures,
  type SnapshotStore,
  type StartRun,
} from "@shoal/protocol";
import type { ParameterClient } from "../client/parameter-client.ts";
import type { AssignmentBoard } from "../loop/assignment-board.ts";
import { createConversation } from "../loop/conversation.ts";
import { runLeasedLoop } from "../loop/leased-loop.ts";
import { patienceOf } from "../loop/patience.ts";
import { createProgressReporter } from "../loop/progress-reporter.ts";
import { runSynchronousLoop, runWarmUp } from "../loop/synchronous-loop.ts";
import type { LoopEnd, LoopPorts } from "../loop/training-loop.ts";
import type { SessionState as SavedState } from "../saved/session-state.ts";
import { createSlotStates, type SlotStates } from "../saved/slot-states.ts";
import { watchConversation, type Doings } from "./doings.ts";
import type { PreparedRun } from "./prepare-run.ts";

/** What a loop needs of its session. */
export interface LoopSession {
  readonly start: StartRun;
  readonly identity: LinkIdentity;
  readonly environment: {
    readonly system: ActorSystem;
    readonly coordinator: Ref<CoordinatorMessage>;
    readonly snapshots?: SnapshotStore | undefined;
    readonly onNote?: (sentence: string) => void;
  };
  /** Ends the training. */
  readonly abort: AbortController;
  /** Ends the training behind what is under way. */
  readonly leaving: AbortController;
  readonly board: AssignmentBoard;
  readonly client: ParameterClient;
  readonly doings: Doings;
  readonly saved: SavedState;
  /** There when the loop is. */
  slotStates: SlotStates | undefined;
}

export function runLoop(state: LoopSession, { plan, compute, buffers }: PreparedRun): Promise<LoopEnd> {
  const { identity, board, client } = state;
  const { job } = state.start;
  const { system, coordinator: address } = state.environment;
  const { clock } = system;
  const { signal } = state.abort;
  const conversation = createConversation({ system, coordinator: address, identity, signal });
  const coordinator = watchConversation(conversation, state.doings);
  const { saved } = state;
  const reports = createProgressReporter({
    ...{ clock, signal, conversation: coordinator },
    traffic: () => client.takeTraffic(),
    unsent: () => unsentOf(client.unsentNorm(), saved.restored),
  });
  const reporter = {
    ...reports,
    get backlog() {
      return reports.backlog;
    },
    add(measured: Parameters<typeof reports.add>[0]) {
      reports.add(measured);
      if (measured.replies !== undefined) saved.stepped(measured.clock);
    },
  };
  const loop = { isDue: turnsOf(state.start), plan, compute, client, coordinator, reporter, buffers, board, clock };
  const slotStates = slotStatesOf(state, { buffers, compute });
  state.slotStates = slotStates;
  const ports: LoopPorts = {
    job,
    slotStates,
    ...loop,
    ...weightingOf(job),
    signal,
    leaving: state.leaving.signal,
    patience: patienceOf(job),
  };
  if (job.consistency.mode === "synchronous") return runSynchronousLoop(ports);
  const steps = synchronousSteps(job.consistency);
  return steps === 0 ? runLeasedLoop(ports) : warmUpAndLease(ports, state.start.slots, steps);
}

function slotStatesOf(
  state: LoopSession,
  { buffers, compute }: Pick<PreparedRun, "buffers" | "compute">,
): SlotStates | undefined {
  const { start, client, board, identity, environment, abort } = state;
  if (start.job.consistency.mode !== "synchronous") return undefined;
  const { system, snapshots: store, onNote = (): void => undefined } = environment;
  const { run, from } = start;
  const site = {
    client,
    buffers,
    compute,
    assignment: () => board.current(),
    clock: system.clock,
    signal: abort.signal,
  };
  return createSlotStates({ ...site, run, node: identity.name, store, from, onNote });
}

/** Adaptive batches by lease: what a gradient is weighed against. */
function weightingOf(job: JobSpec): Pick<LoopPorts, "wholeSamples"> {
  const { samples, parts } = batchParts(job);
  return parts === 1 ? {} : { wholeSamples: samples * parts };
}

function unsentOf(unsentNorm: number, restored: boolean): Pick<ProgressFigures, "unsentNorm" | "restored"> {
  if (unsentNorm === 0 && !restored) return {};
  return restored ? { unsentNorm, restored } : { unsentNorm };
}

/** Which shards have their turn in a step; undefined where all have. */
function turnsOf({ job, placement }: StartRun): LoopPorts["isDue"] {
  const fragments = fragmentsOf(job.communication);
  const shards = placement.shards.length;
  return fragments === 1 ? undefined : (step, index) => fragmentOfShard(index, shards, fragments) === step % fragments;
}

async function warmUpAndLease(ports: LoopPorts, slots: number, steps: number): Promise<LoopEnd> {
  const end = await runWarmUp(ports, slots, steps);
  return end.kind === "stopped" ? end : runLeasedLoop(ports, steps);
}
