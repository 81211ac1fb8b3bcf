/** States of a federated round: plain data, written to the store after every step. */
import type { RoundPlan } from "./round-plan.ts";

/** A client that has been offered the round, or trains. */
export interface Member {
  readonly client: string;
  readonly status: "offered" | "training";
  /** The round whose version it began with. */
  readonly sinceRound: number;
  /** Until then it has answered, or contributed. */
  readonly byMs: number;
}

/** A contribution that was taken in. */
export interface Report {
  readonly client: string;
  /** Its id. */
  readonly contribution: string;
  /** The round whose version it is based on. */
  readonly sinceRound: number;
}

/** What the next round begins with. */
export interface Carried {
  readonly members: readonly Member[];
  readonly reports: readonly Report[];
}

interface Begun {
  readonly plan: RoundPlan;
  /** Rounds of a task count from 1. */
  readonly number: number;
  /** When this state was made, on the clock of whoever made it: deadlines mean nothing to another clock without it. */
  readonly asOfMs: number;
  /** The phase is over then, at the latest. */
  readonly deadlineMs: number;
}

/** Clients are being drawn, and their names awaited. */
export interface Drawing {
  readonly count: number;
  readonly untilMs: number;
}

/** Waits until enough clients are idle. */
export interface SelectingState extends Begun {
  readonly phase: "selecting";
  /** Idle clients, as last heard. */
  readonly available: number;
  readonly drawing: Drawing | null;
}

/** configuring: clients are asked whether they take part, others take the place of those who do not. reporting: they train. */
export interface RunningState extends Begun {
  readonly phase: "configuring" | "reporting";
  readonly available: number;
  readonly drawing: Drawing | null;
  readonly members: readonly Member[];
  readonly reports: readonly Report[];
  /** Who was in this round and is not any more, the newest `mostGone`: they are not drawn again. */
  readonly gone: readonly string[];
  /** Times that contributions were lost with their aggregator. */
  readonly restarts: number;
}

/** The aggregate is on its way to the parameter servers. */
export interface CommittingState extends Begun {
  readonly phase: "committing";
  readonly reports: readonly Report[];
  /** Trains on, for the next round. */
  readonly carried: Carried;
  readonly failures: number;
  /** When the commit is tried again; null while it is under way. */
  readonly retryAtMs: number | null;
  readonly restarts: number;
}

interface Ended {
  readonly number: number;
  readonly atMs: number;
  readonly reason: string;
  readonly carried: Carried;
}

export interface CommittedState extends Ended {
  readonly phase: "committed";
  /** Of the parameters, with the aggregate in them. */
  readonly version: number;
  readonly reports: readonly Report[];
}

/** Nothing of it counts. */
export interface AbandonedState extends Ended {
  readonly phase: "abandoned";
  /** The aggregate may be in some shards and not in others: the task must not go on by itself. */
  readonly isTorn: boolean;
}

/** Too little came; all of it counts in the next round. */
export interface CarriedOverState extends Ended {
  readonly phase: "carried_over";
}

export type OpenState = SelectingState | RunningState | CommittingState;
export type EndedState = CommittedState | AbandonedState | CarriedOverState;
export type RoundState = OpenState | EndedState;

export const nothingCarried: Carried = { members: [], reports: [] };

export function isEnded(state: RoundState): state is EndedState {
  return state.phase === "committed" || state.phase === "abandoned" || state.phase === "carried_over";
}
