/** States, events and effects of a federated round. */

/** How many clients a round wants, and how long it waits. All counts in clients. */
export interface RoundPlan {
  /** Reports that end the round at once. */
  readonly goal: number;
  /** Fewest reports (and clients at the start) that make the round count. */
  readonly minimum: number;
  /** Clients selected at most: above the goal by the share that is expected to drop out (130 % is usual). */
  readonly invited: number;
  readonly selectionTimeoutMs: number;
  readonly reportingTimeoutMs: number;
}

export interface SelectingState {
  readonly phase: "selecting";
  readonly plan: RoundPlan;
  readonly deadlineMs: number;
  /** At most `invited` clients. */
  readonly selected: readonly string[];
}

export interface ReportingState {
  readonly phase: "reporting";
  readonly plan: RoundPlan;
  readonly deadlineMs: number;
  /** Clients that train and have not reported: whom the round waits for. */
  readonly awaited: readonly string[];
  readonly reported: readonly string[];
}

export interface CommittedState {
  readonly phase: "committed";
  readonly atMs: number;
  readonly reported: readonly string[];
}

export interface AbandonedState {
  readonly phase: "abandoned";
  readonly atMs: number;
  readonly reason: string;
}

export type RoundState = SelectingState | ReportingState | CommittedState | AbandonedState;

export type RoundEvent =
  /** A client offers itself. */
  | { readonly type: "check_in"; readonly client: string }
  /** A client's update has come and was admitted. */
  | { readonly type: "report"; readonly client: string }
  /** A client has gone, or its update was refused. */
  | { readonly type: "drop"; readonly client: string }
  /** Time has passed. */
  | { readonly type: "tick" };

export type RoundEffect =
  | { readonly type: "accept_client"; readonly client: string }
  | { readonly type: "reject_client"; readonly client: string; readonly reason: string }
  /** Send the global parameters; the clients begin to train. */
  | { readonly type: "configure"; readonly clients: readonly string[] }
  /** Fold the client's update into the aggregate. */
  | { readonly type: "accept_report"; readonly client: string }
  | { readonly type: "reject_report"; readonly client: string; readonly reason: string }
  /** Apply the aggregate of these clients. */
  | { readonly type: "commit"; readonly clients: readonly string[] }
  /** Tell stragglers to stop: their updates are not wanted any more. */
  | { readonly type: "discard"; readonly clients: readonly string[] }
  | { readonly type: "abandon"; readonly reason: string };

export interface RoundStep {
  readonly state: RoundState;
  readonly effects: readonly RoundEffect[];
  readonly reason: string;
}
