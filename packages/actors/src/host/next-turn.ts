/** Turns of the event loop: when one has passed, every promise that could settle by itself has. */

/** Settles in a later macrotask. */
export function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  atTurn(resolve, 1);
  return promise;
}

/**
 * Takes a step in each turn until one returns something.
 * @returns what that is; rejects with what a step throws, which is the last one then
 */
export function stepInTurns<T>(step: () => T | undefined): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const take = (): void => {
    try {
      const outcome = step();
      if (outcome === undefined) atTurn(take, turnsAhead);
      else resolve(outcome);
    } catch (error) {
      reject(error);
    }
  };
  atTurn(take, turnsAhead);
  return promise;
}

/** Turns that a series of steps asks for at once: a pass of the event loop costs more than a turn in it. */
const turnsAhead = 16;

/** What is to be done, one a turn, in the order in which it was asked for. */
const acts: (() => void)[] = [];
let asked = 0;

function atTurn(act: () => void, ahead: number): void {
  acts.push(act);
  if (asked >= acts.length) return;
  for (let count = 0; count < ahead; count += 1) {
    asked += 1;
    if (typeof setImmediate === "function") setImmediate(turn);
    else askChannel();
  }
}

let channel: MessageChannel | undefined;

/** In a page: a timer would wait for 4 ms after a few turns. */
function askChannel(): void {
  if (channel === undefined) {
    channel = new MessageChannel();
    channel.port1.onmessage = turn;
  }
  channel.port2.postMessage(null);
}

function turn(): void {
  asked -= 1;
  acts.shift()?.();
}
