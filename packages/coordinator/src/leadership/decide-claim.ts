/**
 * When a coordinator may take the lead. Pure.
 *
 * The leader rewrites one key by compare-and-set, again and again. Whoever waits counts its own time since it saw the
 * key's revision change for the last time: clocks of different machines are never compared, and a clock that jumps moves
 * nothing. The leader counts from before its write, so its own lease ends before anybody else's patience.
 *
 * Source  Gray and Cheriton, SOSP 1989 (leases); Burrows, OSDI 2006 (a lock service that coordinates by one file).
 */

/** What was last seen of the leader's key. */
export interface Sighting {
  readonly revision: number;
  /** Own time when this revision was seen first. */
  readonly seenAtMs: number;
}

export interface ClaimDecision {
  readonly kind: "claim" | "wait";
  readonly sighting: Sighting | undefined;
  /** When to look again, at the latest; where it is to be claimed, if that does not succeed. */
  readonly againInMs: number;
  readonly reason: string;
}

/** @param stored undefined: nobody has ever led, or the key was deleted */
export function decideClaim(
  before: Sighting | undefined,
  stored: { readonly revision: number; readonly released: boolean; readonly holder: string } | undefined,
  now: number,
  leaseMs: number,
): ClaimDecision {
  if (stored === undefined) return { kind: "claim", sighting: undefined, againInMs: leaseMs, reason: "nobody leads" };
  const { revision, released, holder } = stored;
  const sighting = before?.revision === revision ? before : { revision, seenAtMs: now };
  if (released) return { kind: "claim", sighting, againInMs: leaseMs, reason: `${holder} has stepped down` };
  const silentMs = now - sighting.seenAtMs;
  if (silentMs >= leaseMs) {
    const reason = `${holder} has not renewed its lead for ${Math.round(silentMs)} ms`;
    return { kind: "claim", sighting, againInMs: leaseMs, reason };
  }
  return { kind: "wait", sighting, againInMs: leaseMs - silentMs, reason: `${holder} leads` };
}

/** How much of the lease a leader trusts in itself: the rest is for clocks that run at different speeds. */
export const trustedShare = 0.9;
