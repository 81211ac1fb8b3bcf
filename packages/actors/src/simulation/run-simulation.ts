/**
 * Runs actors in virtual time: lets every promise settle, moves to the next timer, fires it, and so on.
 *
 * Each step fires one timer, so that what it sets in motion ends before the next one, as it would on a fast machine.
 */
import { ShoalError } from "@shoal/errors";
import { stepInTurns } from "../host/next-turn.ts";
import type { SimulatedClock } from "./simulated-clock.ts";

export interface SimulationLimits {
  /** Ends the run when it returns true; looked at between steps. */
  readonly until?: () => boolean;
  /** Ends the run after this much virtual time, ms: no limit by default. */
  readonly forMs?: number;
  /** Timers that may fire: 1,000,000 by default. */
  readonly maximumSteps?: number;
}

/** Why a run ended: `until` held, `forMs` went by, or no timer was left. */
export interface SimulationEnd {
  readonly kind: "condition" | "time" | "idle";
  readonly steps: number;
}

/** @throws ShoalError `deadline_exceeded` - `maximumSteps` timers fired without an end */
export function runSimulation(clock: SimulatedClock, limits: SimulationLimits = {}): Promise<SimulationEnd> {
  const { until, forMs = Number.POSITIVE_INFINITY, maximumSteps = 1_000_000 } = limits;
  const end = clock.now() + forMs;
  let steps = 0;
  return stepInTurns<SimulationEnd>(() => {
    if (steps >= maximumSteps) throw endless(clock, maximumSteps);
    if (until?.() === true) return { kind: "condition", steps };
    const next = clock.nextAt;
    if (next === undefined || next > end) {
      // Another run on the same clock may have gone further.
      if (end !== Number.POSITIVE_INFINITY) clock.advance(Math.max(0, end - clock.now()));
      return { kind: next === undefined ? "idle" : "time", steps };
    }
    clock.fireNext();
    steps += 1;
    return undefined;
  });
}

function endless(clock: SimulatedClock, maximumSteps: number): ShoalError {
  return new ShoalError("deadline_exceeded", `the simulation did not end within ${String(maximumSteps)} steps`, {
    steps: maximumSteps,
    virtualMs: clock.now(),
  });
}

/**
 * Runs until `work` has settled and returns its outcome.
 * @throws ShoalError `deadline_exceeded` - no timer is left, or the limits are reached, and it still has not
 */
export async function simulate<T>(
  clock: SimulatedClock,
  work: Promise<T>,
  limits: Omit<SimulationLimits, "until"> = {},
): Promise<T> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  work.then(note, note);
  const end = await runSimulation(clock, { ...limits, until: () => settled });
  if (end.kind === "condition" || settled) return work;
  throw new ShoalError("deadline_exceeded", `nothing is left to happen and the work has not settled (${end.kind})`);
}
