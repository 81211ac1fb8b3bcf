/** What a round hears, and what it asks its owner to do. */
import type { Report, RoundState } from "./round-state.ts";

export type RoundEvent =
  /** So many clients are idle and may be drawn; so many more have declined lately: they are not drawn, nor waited for. */
  | { readonly type: "available"; readonly count: number; readonly declining?: number | undefined }
  /** The answer to `draw`: whom chance has chosen. */
  | { readonly type: "drawn"; readonly clients: readonly string[] }
  /** A client takes part. */
  | { readonly type: "confirm"; readonly client: string }
  /** A client's contribution has come and was admitted. */
  | { readonly type: "report"; readonly client: string; readonly contribution: string }
  /** A client declined, has gone, or its contribution was refused. */
  | { readonly type: "drop"; readonly client: string }
  /** Whoever held the contributions is gone, and they with it. */
  | { readonly type: "contributions_lost" }
  | { readonly type: "committed"; readonly version: number }
  | { readonly type: "commit_failed"; readonly reason: string }
  /** Time has passed. */
  | { readonly type: "tick" };

export type RefusalKind =
  /** The client's contribution of this round is here. */
  | "duplicate"
  /** Nobody asked the client, or it was let go. */
  | "not_a_member"
  /** The round is over. */
  | "too_late";

/** Each may be carried out twice: the second time changes nothing. */
export type RoundEffect =
  /** Draw so many of the idle clients, none of these, and say whom. */
  | { readonly type: "draw"; readonly count: number; readonly except: readonly string[] }
  /** Offer the round: answer within so many ms, contribute within so many. */
  | {
      readonly type: "offer";
      readonly clients: readonly string[];
      readonly answerWithinMs: number;
      readonly reportWithinMs: number;
    }
  /** All who take part are known: what needs to know them (secure aggregation) may begin. */
  | { readonly type: "start_cohort"; readonly clients: readonly string[] }
  | { readonly type: "accept_report"; readonly client: string; readonly contribution: string }
  | {
      readonly type: "refuse_report";
      readonly client: string;
      readonly contribution: string;
      readonly kind: RefusalKind;
      readonly reason: string;
    }
  /** The contributions of these have to be sent again. */
  | { readonly type: "ask_again"; readonly clients: readonly string[] }
  /** Add these, and no others, to the parameters: once, whatever happens, by the round's number. */
  | { readonly type: "commit"; readonly number: number; readonly reports: readonly Report[] }
  /** These were offered the round and have not said, in their time, whether they take part. */
  | { readonly type: "unanswered"; readonly clients: readonly string[] }
  /** These may stop: nothing of them is wanted any more. */
  | { readonly type: "discard"; readonly clients: readonly string[]; readonly reason: string };

export interface RoundStep<State extends RoundState = RoundState> {
  readonly state: State;
  readonly effects: readonly RoundEffect[];
  readonly reason: string;
}

export function unchanged<State extends RoundState>(state: State, reason: string): RoundStep<State> {
  return { state, effects: [], reason };
}

export function refuse<State extends RoundState>(
  state: State,
  report: { readonly client: string; readonly contribution: string },
  kind: RefusalKind,
  reason: string,
): RoundStep<State> {
  const { client, contribution } = report;
  return { state, effects: [{ type: "refuse_report", client, contribution, kind, reason }], reason };
}

/** One step after another; both reasons are told. */
export function andThen(first: RoundStep, next: (state: RoundState) => RoundStep): RoundStep {
  const second = next(first.state);
  const reason = second.reason === "" ? first.reason : `${first.reason}; then ${second.reason}`;
  return { state: second.state, effects: [...first.effects, ...second.effects], reason };
}

/** Stragglers are told to stop. */
export function discard(clients: readonly string[], reason: string): readonly RoundEffect[] {
  return clients.length === 0 ? [] : [{ type: "discard", clients, reason }];
}
