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

/**
 * Where the browser keeps nothing for this page, a client that lives as long as it does.
 * @throws Error where all clients are taken
 */
export async function takeIdentity(): Promise<Identity> {
  for (let number = 0; number < mostClients; number += 1) {
    if (!(await isFree(number))) continue;
    return { number, seed: read(keyName(number)), keep: (seed) => write(keyName(number), seed) };
  }
  throw new Error(`${mostClients} tabs of this browser take part already: close one of them.`);
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // It is full, or denied: after a reload this tab is another client.
  }
}

/** Takes the lock for as long as the tab lives. Where locks are denied, so is what would keep a key. */
function isFree(number: number): Promise<boolean> {
  return new Promise((resolve) => {
    navigator.locks
      .request(keyName(number), { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise<void>(() => undefined);
      })
      .catch(() => resolve(true));
  });
}
