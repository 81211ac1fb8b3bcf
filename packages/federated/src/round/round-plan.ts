/** What a task asks of its rounds. */

/**
 * round    all clients of a round begin with the same version; who is late is let go (McMahan et al., AISTATS 2017).
 * buffer   clients come and go, as many at a time as are invited; a round is what lies between two commits, and what is
 *          taken in may be based on an older version (FedBuff: Nguyen et al., AISTATS 2022; FedAsync with a goal of 1).
 */
export type Arrival = "round" | "buffer";

/** Counts are clients, times milliseconds from the moment at which their phase begins. */
export interface RoundPlan {
  readonly arrival: Arrival;
  /** Contributions that end the round at once. */
  readonly goal: number;
  /**
   * fixed (default)   as many as are invited, by lot; others take the place of those who do not take part
   * poisson           each idle client by a coin of its own, so that privacy is amplified by the sampling: as many as there
   *                   are, nobody takes another's place, and the round takes what it is given, be it nothing
   */
  readonly draw?: "fixed" | "poisson" | undefined;
  /** Fewest contributions that make the round count; with coins 0: that too few came would tell who was there. */
  readonly minimum: number;
  /** Clients that train at the same time at most: for rounds above the goal by the share that drops out (130 % is usual). */
  readonly invited: number;
  /** Whether what came too late, or not often enough, counts in the next round. */
  readonly carriesOver: boolean;
  /** Rounds that a contribution may be behind. 0 where nothing is carried over. */
  readonly maximumStaleness: number;
  readonly selectionTimeoutMs: number;
  /** From the offer until a client has said that it takes part. */
  readonly configurationTimeoutMs: number;
  readonly reportingTimeoutMs: number;
  readonly commitTimeoutMs: number;
}

/** Clients that a round may hold: its state has to fit one value of the store. */
export const mostHeld = 1_024;

export interface RoundCrowd {
  /** Clients that train at the same time. */
  readonly invited: number;
  /** With the contributions that a buffer holds beside them. */
  readonly held: number;
}

/** @param overSelection - clients asked for each contribution that is wanted */
export function crowdOf(arrival: Arrival, goal: number, overSelection: number): RoundCrowd {
  const invited = Math.ceil(goal * overSelection);
  return { invited, held: arrival === "buffer" ? invited + goal : invited };
}

/** @throws RangeError when the plan contradicts itself */
export function checkPlan(plan: RoundPlan): void {
  const { goal, minimum, invited, maximumStaleness, carriesOver, arrival } = plan;
  const least = plan.draw === "poisson" ? 0 : 1;
  if (![minimum, goal, invited].every(Number.isSafeInteger) || minimum < least || goal < Math.max(1, minimum)) {
    throw new RangeError(`expected ${least} ≤ minimum ≤ goal, got ${minimum} and ${goal}`);
  }
  if (arrival === "round" && invited < goal) {
    throw new RangeError(`invited must be at least the goal of ${goal}, otherwise no round reaches it; got ${invited}`);
  }
  if (arrival === "buffer" && invited < 1) throw new RangeError(`invited must be at least 1, got ${invited}`);
  if (!Number.isSafeInteger(maximumStaleness) || maximumStaleness < 0) {
    throw new RangeError(`maximumStaleness must be a number of rounds from 0, got ${maximumStaleness}`);
  }
  if (carriesOver !== maximumStaleness > 0) {
    throw new RangeError(`carriesOver and maximumStaleness (${maximumStaleness}) contradict each other`);
  }
  for (const name of [
    "selectionTimeoutMs",
    "configurationTimeoutMs",
    "reportingTimeoutMs",
    "commitTimeoutMs",
  ] as const) {
    if (!(plan[name] > 0) || plan[name] === Infinity) {
      throw new RangeError(`${name} must be a positive number of milliseconds, got ${plan[name]}`);
    }
  }
}

/** How long a client that begins now is awaited: as long as what it makes may count. */
export function trainsUntil({ arrival, maximumStaleness, reportingTimeoutMs }: RoundPlan, nowMs: number): number {
  const rounds = arrival === "round" ? 1 + maximumStaleness : 1;
  return nowMs + rounds * reportingTimeoutMs;
}

/** Clients without whom there is no point in beginning. */
export function neededToBegin({ arrival, minimum }: RoundPlan): number {
  return arrival === "round" ? Math.max(1, minimum) : 1;
}

/** Clients that a draw waits for, as long as there is time. */
export function wantedToDraw({ draw, invited }: RoundPlan): number {
  return draw === "poisson" ? 1 : invited;
}
