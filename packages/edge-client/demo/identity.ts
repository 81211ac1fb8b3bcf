/**
 * Which client this tab is: each tab of a browser is one of its own, and a tab that was closed is the same client again
 * when the next one opens. A lock that the tab holds says that a client is taken.
 */

export interface Identity {
  /** Number of the client in this browser. */
  readonly number: number;
  /** Its key, where it has one already. */
  readonly seed: string | null;
  /** Keeps the key of a new client. */
  keep(seed: string): void;
}

/** Clients of one browser. */
const mostClients = 64;

const keyName = (number: number): string => `shoal.client.${number}`;

/** @throws Error where all clients are taken */
export async function takeIdentity(): Promise<Identity> {
  for (let number = 0; number < mostClients; number += 1) {
    if (!(await isFree(number))) continue;
    return {
      number,
      seed: localStorage.getItem(keyName(number)),
      keep: (seed) => localStorage.setItem(keyName(number), seed),
    };
  }
  throw new Error(`${mostClients} tabs of this browser take part already`);
}

/** Takes the lock for as long as the tab lives. */
function isFree(number: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(keyName(number), { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise<void>(() => undefined);
      })
      .catch(reject);
  });
}
