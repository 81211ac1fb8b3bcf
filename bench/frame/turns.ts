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
  /** Least length of one turn. */
  readonly turnMs: number;
  readonly now: () => number;
}

/** @returns the milliseconds that each contestant's work takes, in the order of `contestants` */
export async function takeTurns(contestants: readonly Contestant[], turns: Turns): Promise<readonly number[]> {
  const counts: number[] = [];
  for (const contestant of contestants) counts.push(await callsOfTurn(contestant, turns));
  const best = contestants.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < turns.rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      const count = counts[index] ?? 1;
      const ms = (await timeOf(contestant, count, turns.now)) / count;
      best[index] = Math.min(best[index] ?? ms, ms);
    }
  }
  return best;
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
