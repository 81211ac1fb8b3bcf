/**
 * Supervision: what happens to an actor whose handler failed.
 *
 * Bounds  `maximumRestarts` (3) in `windowMs` (60 s); the delay before a restart doubles from `initialBackoffMs`
 *         (100 ms) to `maximumBackoffMs` (10 s) and is multiplied by a random factor in [0.5, 1), so that actors which
 *         failed together do not come back together.
 */

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

export const defaultSupervision: SupervisionSettings = {
  strategy: "restart",
  afterwards: "escalate",
  maximumRestarts: 3,
  windowMs: 60_000,
  initialBackoffMs: 100,
  maximumBackoffMs: 10_000,
};

/** What was decided about a failure, and why. */
export type SupervisionDecision =
  | { readonly kind: "restart"; readonly delayMs: number; readonly reason: string }
  | { readonly kind: "stop"; readonly reason: string }
  | { readonly kind: "escalate"; readonly reason: string };

export interface SupervisionState {
  /** Clock times of the restarts so far, oldest first. */
  readonly restartedAt: readonly number[];
  readonly hasParent: boolean;
}

/** Restarts that still count at `now`: at most `maximumRestarts`, which bounds the list. */
export function restartsInWindow(
  restartedAt: readonly number[],
  settings: SupervisionSettings,
  now: number,
): readonly number[] {
  return restartedAt.filter((at) => now - at < settings.windowMs);
}

/**
 * Decides about one failure.
 * @param jitter - random, in [0, 1)
 */
export function decideSupervision(
  state: SupervisionState,
  settings: SupervisionSettings,
  jitter: number,
  now: number,
): SupervisionDecision {
  if (settings.strategy !== "restart") return give(settings.strategy, state, "its supervision says so");
  const restarts = restartsInWindow(state.restartedAt, settings, now).length;
  if (restarts >= settings.maximumRestarts) {
    const windowText = `${String(restarts)} restarts within ${String(settings.windowMs)} ms`;
    return give(settings.afterwards, state, `${windowText} did not help`);
  }
  const ceilingMs = Math.min(settings.maximumBackoffMs, settings.initialBackoffMs * 2 ** restarts);
  return {
    kind: "restart",
    delayMs: ceilingMs * (0.5 + jitter / 2),
    reason: `restart ${String(restarts + 1)} of ${String(settings.maximumRestarts)} within ${String(settings.windowMs)} ms`,
  };
}

function give(kind: "stop" | "escalate", state: SupervisionState, reason: string): SupervisionDecision {
  if (kind === "escalate" && !state.hasParent) return { kind: "stop", reason: `${reason}, and it has no parent` };
  return { kind, reason };
}
