/**
 * Keeps the round of a task: takes events, has what follows written, and looks at deadlines by a timer, so that a round
 * ends though nobody says anything.
 */
import type { Timer } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  advanceRound,
  isEnded,
  nextDeadline,
  type RoundEvent,
  type RoundState,
  type RoundStep,
} from "@shoal/federated";
import { createRecordWriter, type RecordWriter, type RecordWriterOptions } from "./record-writer.ts";
import type { TaskRecord } from "./task-record.ts";

export interface RoundKeeperOptions extends RecordWriterOptions {
  /** As it stands in the store. */
  readonly record: TaskRecord;
  /** Told of every step, with its reason and what was before it, as it is decided. */
  readonly onStep: (step: RoundStep, before: RoundState) => void;
}

/** What may change beside the round. */
export type RecordChanges = Partial<Omit<TaskRecord, "round" | "term">>;

export interface RoundKeeper {
  readonly record: TaskRecord;
  /** Takes an event now. @returns what it led to; the effects leave later (K1) */
  dispatch(event: RoundEvent): RoundStep;
  /** Takes a step that was decided elsewhere: the beginning of a round, or its going on after a take-over. */
  adopt(step: RoundStep, changes?: RecordChanges): void;
  amend(changes: RecordChanges): void;
  /** See `RecordWriter`. */
  written(): Promise<void>;
  close(): void;
}

interface KeeperState {
  readonly options: RoundKeeperOptions;
  readonly writer: RecordWriter;
  record: TaskRecord;
  timer: Timer | undefined;
}

export function createRoundKeeper(options: RoundKeeperOptions): RoundKeeper {
  const writer = createRecordWriter(options);
  const state: KeeperState = { options, writer, record: options.record, timer: undefined };
  arm(state);
  return {
    get record() {
      return state.record;
    },
    dispatch(event) {
      const { round } = state.record;
      if (writer.ended !== undefined) return { state: round, effects: [], reason: writer.ended.message };
      const step = advanceRound(round, event, options.clock.now());
      if (!isEnded(round) && isOfNoMatter(state.record, event, step)) {
        state.record = { ...state.record, round: step.state };
        return step;
      }
      if (!isEnded(round)) return take(state, step);
      // After its end a round does not change; what comes is answered.
      for (const effect of step.effects) options.onEffect(effect);
      return step;
    },
    adopt: (step, changes) => void take(state, step, changes),
    amend(changes) {
      state.record = { ...state.record, ...changes };
      writer.put(state.record, []);
    },
    written: () => writer.written(),
    close() {
      state.timer?.cancel();
      writer.end(new ShoalError("cancelled", `the aggregator of run ${options.run} was closed`));
    },
  };
}

function take(state: KeeperState, step: RoundStep, changes: RecordChanges = {}): RoundStep {
  const { round: before } = state.record;
  state.record = { ...state.record, ...changes, round: step.state };
  const draws = step.effects.filter(({ type }) => type === "draw");
  state.writer.put(
    state.record,
    step.effects.filter((effect) => !draws.includes(effect)),
  );
  state.options.onStep(step, before);
  arm(state);
  // Whom chance chooses is heard by nobody: it is in the same write as what was to be drawn.
  for (const draw of draws) state.options.onEffect(draw);
  return step;
}

/** How many are idle is asked again by whoever goes on: it is written with what it leads to. */
function isOfNoMatter({ round }: TaskRecord, { type }: RoundEvent, { state, effects }: RoundStep): boolean {
  return type === "available" && effects.length === 0 && state.phase === round.phase;
}

function arm(state: KeeperState): void {
  const { clock } = state.options;
  state.timer?.cancel();
  const due = nextDeadline(state.record.round);
  if (due === undefined || state.writer.ended !== undefined) return;
  state.timer = clock.after(Math.max(0, due - clock.now()), () => {
    if (state.writer.ended !== undefined) return;
    take(state, advanceRound(state.record.round, { type: "tick" }, clock.now()));
  });
}
