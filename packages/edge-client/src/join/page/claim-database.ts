/**
 * Which client this tab is: each tab of a browser that takes part is one of its own, and a tab that was closed is the same client
 * again when the next one joins. A lock that its page holds says that a client's database is taken.
 */
import { ShoalError } from "@shoal/errors";
import type { Claim } from "../join-place.ts";

/** Clients of one browser, of one name. */
const mostClients = 64;
const inMemory: Claim = { storage: null, release: () => undefined };

/**
 * Where the browser keeps nothing for this page, a client that lives as long as it does.
 * @throws ShoalError no_capacity - all clients are taken
 */
export async function claimDatabase(name: string | null = "shoal"): Promise<Claim> {
  // Browsers without locks, and pages that came over http from another machine, have no place that is theirs alone.
  const { locks } = navigator as { readonly locks?: LockManager };
  if (name === null || locks === undefined) return inMemory;
  for (let number = 0; number < mostClients; number += 1) {
    const storage = `${name}.${number}`;
    const release = await lock(locks, storage);
    if (release === "denied") return inMemory;
    if (release !== "taken") return { storage, release };
  }
  throw new ShoalError("no_capacity", `${mostClients} tabs of this browser take part already: close one of them`);
}

/** Takes the lock until it is released, at the latest with the page. Where locks are denied, so is what would keep a key. */
function lock(locks: LockManager, name: string): Promise<(() => void) | "taken" | "denied"> {
  return new Promise((resolve) => {
    locks
      .request(name, { ifAvailable: true }, (held) => {
        if (held === null) return resolve("taken");
        return new Promise<void>((release) => resolve(release));
      })
      .catch(() => resolve("denied"));
  });
}
