/** Supervision: what happens to an actor whose handler failed. */

/** What a failure leads to at once, or once the restarts are used up. */
export type SupervisionStrategy = "restart" | "stop" | "escalate";

export interface SupervisionSettings {
  /** What a failure leads to: "restart" by default. "escalate" makes it a failure of the parent. */
  readonly strategy: SupervisionStrategy;
  /** What follows when the restarts are used up: "escalate" by default; without a parent it stops the actor. */
  readonly afterwards: Exclude<SupervisionStrategy, "restart">;
  /** Restarts allowed within one window: 3. */
  readonly maximumRestarts: number;
  /** 60,000 ms. */
  readonly windowMs: number;
  /** Delay before the first restart: 100 ms; it doubles with each restart in the window. */
  readonly initialBackoffMs: number;
  /** Largest delay before a restart: 10,000 ms. */
  readonly maximumBackoffMs: number;
}

/** What was decided about a failure, and why. */
export type SupervisionDecision =
  | { readonly kind: "restart"; readonly delayMs: number; readonly reason: string }
  | { readonly kind: "stop"; readonly reason: string }
  | { readonly kind: "escalate"; readonly reason: string };
