/**
 * When a synchronous step is closed before all its contributions are there.
 *
 * The noise of a mean of n contributions falls as 1/n, so the worth of a step is taken as  gain(n) = n / (n + ν)  (the
 * progress of a step against the size of its batch, with ν the noise scale: McCandlish et al. 2018, arXiv 1812.06162).
 * A step that closes now, t after it opened, with n contributions, makes progress at the rate gain(n)/t; one that waits
 * for m of them is predicted to make it at gain(m)/tₘ, tₘ the predicted time of the m-th arrival. It is closed when no
 * m > n promises a better rate (the idea of dynamic backup workers: Xu, Neglia, Sebastianelli 2020, arXiv 2004.14696,
 * who choose the number of workers that maximises gain over time).
 *
 * tₘ comes from exponential means of the times at which each slot's contributions came, counted from the opening of
 * their step, late ones included. A contribution that is overdue is expected to take as long again as it is late.
 */

export interface WaitingFacts {
  /** Time since the step was opened, ms. */
  readonly elapsedMs: number;
  readonly slots: number;
  readonly arrived: number;
  /** Usual time of arrival of each missing slot, ms since the opening; undefined where it is not known yet. */
  readonly missing: readonly (number | undefined)[];
}

export type WaitingDecision =
  | { readonly kind: "close"; readonly reason: string }
  /** @see `lookAgainMs`: when an overdue contribution may change the decision */
  | { readonly kind: "wait"; readonly lookAgainMs: number | undefined; readonly reason: string };

/** Overdue contributions are looked at again after this share of the step's time so far. */
const patience = 0.1;

export function decideWaiting({ elapsedMs, slots, arrived, missing }: WaitingFacts): WaitingDecision {
  const known = missing.filter((usual) => usual !== undefined);
  if (known.length < missing.length) return wait("it is not known yet when the others come");
  if (2 * arrived < slots) return wait(`${arrived} of ${slots} contributions are less than half`);
  if (elapsedMs <= 0) return wait("the step has just been opened", 1);
  const predicted = known.map((usual) => predict(usual, elapsedMs)).toSorted((a, b) => a - b);
  const now = gain(arrived, slots) / elapsedMs;
  const later = predicted.map((atMs, index) => gain(arrived + index + 1, slots) / atMs);
  const best = Math.max(...later);
  if (now >= best) {
    const next = (predicted[0] ?? elapsedMs) - elapsedMs;
    return { kind: "close", reason: `${arrived} of ${slots} are there, the next is expected in ${next.toFixed(1)} ms` };
  }
  const again = Math.min(...known.map((usual) => (usual > elapsedMs ? usual - elapsedMs : patience * elapsedMs)));
  return wait("waiting promises more progress for the time", Math.max(1, again));
}

/** ν = S: the whole step is at the noise scale, where twice the batch is worth a third more progress. */
function gain(contributions: number, slots: number): number {
  return contributions / (contributions + slots);
}

function predict(usualMs: number, elapsedMs: number): number {
  return usualMs > elapsedMs ? usualMs : 2 * elapsedMs - usualMs;
}

function wait(reason: string, lookAgainMs?: number): WaitingDecision {
  return { kind: "wait", lookAgainMs, reason };
}

/** When the contributions of each slot come, counted from the opening of their step. */
export interface ArrivalTimes {
  /** Clock time at which the newest step was opened, ms; undefined before the first. */
  readonly openedAtMs: number | undefined;
  opened(step: number, now: number): void;
  /** A contribution to a step has come, in time or not. */
  arrived(slot: number, step: number, now: number): void;
  /** ms after the opening; undefined before three of them. */
  usual(slot: number): number | undefined;
}

/** Arrivals of a slot before anything is predicted of it. */
const enoughArrivals = 3;
/** Steps whose opening is remembered: a contribution that is later is not measured. */
const rememberedSteps = 256;
/** Weight of the newest arrival. */
const newestWeight = 0.3;

export function createArrivalTimes(): ArrivalTimes {
  const openings = new Map<number, number>();
  const slots = new Map<number, { count: number; mean: number }>();
  let openedAtMs: number | undefined;
  return {
    get openedAtMs() {
      return openedAtMs;
    },
    opened(step, now) {
      openedAtMs = now;
      openings.set(step, now);
      openings.delete(step - rememberedSteps);
    },
    arrived(slot, step, now) {
      const opened = openings.get(step);
      if (opened === undefined) return;
      const known = slots.get(slot);
      const after = now - opened;
      const mean = known === undefined ? after : known.mean + newestWeight * (after - known.mean);
      slots.set(slot, { count: (known?.count ?? 0) + 1, mean });
    },
    usual(slot) {
      const known = slots.get(slot);
      return known !== undefined && known.count >= enoughArrivals ? known.mean : undefined;
    },
  };
}
