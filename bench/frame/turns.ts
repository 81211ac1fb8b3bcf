/**
 * Contestants take turns on the same work: a machine that grows slower, or has other guests for a while, does so for
 * all of them. Of each the best turn counts, because whatever disturbs a turn can only lengthen it.
 */

export interface Contestant {
  readonly name: string;
  /** Does the work once; several calls in a row are one turn. */
  readonly work: () => unknown;
}

export interface Turns {
  readonly rounds: number;
  /**
   * Least length of one turn: a few milliseconds, less than the time that a scheduler gives at once, so that some turns
   * are not interrupted.
   */
  readonly turnMs: number;
  readonly now: () => number;
}

/** A contestant whose one call is far longer than a turn takes so many of them at least. */
const fewestTurns = 3;

interface State {
  readonly contestant: Contestant;
  readonly count: number;
  best: number;
  spent: number;
  turns: number;
}

/** @returns the milliseconds that each contestant's work takes, in the order of `contestants` */
export async function takeTurns(contestants: readonly Contestant[], turns: Turns): Promise<readonly number[]> {
  const states: State[] = [];
  for (const contestant of contestants) {
    const count = await callsOfTurn(contestant, turns);
    states.push({ contestant, count, best: Number.POSITIVE_INFINITY, spent: 0, turns: 0 });
  }
  const budget = 2 * turns.rounds * turns.turnMs;
  for (let round = 0; round < turns.rounds; round++) {
    for (const state of states) {
      if (state.spent > budget && state.turns >= fewestTurns) continue;
      const ms = await timeOf(state.contestant, state.count, turns.now);
      state.best = Math.min(state.best, ms / state.count);
      state.spent += ms;
      state.turns += 1;
    }
  }
  return states.map(({ best }) => best);
}

/** Doubles the calls until they fill a turn; the engine compiles what is hot on the way. */
async function callsOfTurn(contestant: Contestant, turns: Turns): Promise<number> {
  for (let count = 1; ; count *= 2) {
    const ms = await timeOf(contestant, count, turns.now);
    if (ms >= turns.turnMs) return Math.max(1, Math.ceil((count * turns.turnMs) / ms));
  }
}

async function timeOf(contestant: Contestant, count: number, now: () => number): Promise<number> {
  const began = now();
  for (let call = 0; call < count; call++) {
    const pending = contestant.work();
    // Awaiting what is no promise would put a microtask into every call of a kernel.
    if (pending instanceof Promise) await pending;
  }
  return now() - began;
}
