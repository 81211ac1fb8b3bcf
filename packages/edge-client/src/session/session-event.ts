/** What a session tells: for a page's display, and for logs. */
import type { ContributionAnswer, LastModel, RoundSummary } from "@shoal/federated";

export type SessionEvent =
  | { readonly type: "connected" }
  | { readonly type: "disconnected" }
  /** Known to the aggregator, and idle. */
  | { readonly type: "checked_in"; readonly task: string; readonly comeBackAfterMs: number }
  | {
      readonly type: "turned_away";
      readonly reason: string;
      readonly comeBackAfterMs: number;
      readonly isFinal: boolean;
      /** Where the task is over: its last values, if it has some. */
      readonly over?: LastModel | null | undefined;
    }
  | { readonly type: "offered"; readonly round: number }
  | { readonly type: "downloading"; readonly bytes: number; readonly of: number }
  /** The values of the round on the client's own test data, where the task wants that. */
  | { readonly type: "measured"; readonly round: number; readonly loss: number; readonly accuracy: number }
  | { readonly type: "training"; readonly round: number; readonly epoch: number; readonly loss: number }
  | { readonly type: "uploading"; readonly round: number; readonly bytes: number; readonly of: number }
  /**
   * Where the client adds noise of its own: what its contributions to this task have come to together, at this δ. Told when it is
   * drawn, and before each contribution leaves.
   */
  | {
      readonly type: "privacy_spent";
      readonly contributions: number;
      readonly epsilon: number;
      readonly delta: number;
    }
  | { readonly type: "answered"; readonly round: number; readonly answer: ContributionAnswer }
  /** The client's part of a round ended without a contribution. */
  | { readonly type: "let_go"; readonly round: number; readonly reason: string }
  | { readonly type: "round_closed"; readonly summary: RoundSummary }
  /** Nothing can be kept on this device: a reload will begin afresh. */
  | { readonly type: "not_kept"; readonly reason: string }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "ended"; readonly reason: string };
