/**
 * What is held against clients, as it lasts beyond the aggregator that held it: in the task's record, and in snapshots.
 *
 * Clocks  of two machines are never compared: what was so long ago, or is as far away, when this was written is so on the next
 *         clock, and the time in which nobody served the task does not count.
 * Bounds  `mostKept` clients: first those in quarantine, then those whose offence is the newest; 27 KiB.
 */
import { isForgiven, isTrusted, type Standing, type StandingRules } from "@shoal/federated";

export interface KeptStandings {
  /** The moment of writing, on the clock that all times here are on. */
  readonly asOfMs: number;
  /** In the order of their newest offences. */
  readonly clients: readonly KeptStanding[];
}

/** A client and its `Standing`, without names for what is in it. */
export type KeptStanding = readonly [
  client: string,
  offences: number,
  asOfMs: number,
  quarantinedUntilMs: number,
  quarantines: number,
];

export const mostKept = 256;

/** With what is held against a client now. */
export function withStanding(
  kept: KeptStandings | undefined,
  client: string,
  standing: Standing,
  at: { readonly rules: StandingRules; readonly nowMs: number },
): KeptStandings {
  const { rules, nowMs } = at;
  const others = (kept?.clients ?? []).filter(
    (each) => each[0] !== client && !isForgiven(standingIn(each), rules, nowMs),
  );
  const { offences, asOfMs, quarantinedUntilMs, quarantines } = standing;
  const clients: readonly KeptStanding[] = [...others, [client, offences, asOfMs, quarantinedUntilMs, quarantines]];
  if (clients.length <= mostKept) return { asOfMs: nowMs, clients };
  const least = clients.findIndex((each) => isTrusted(standingIn(each), nowMs));
  return { asOfMs: nowMs, clients: clients.toSpliced(Math.max(0, least), 1) };
}

/** Another clock than theirs says `nowMs` where theirs would have said `asOfMs`. */
export function onClock({ asOfMs: then, clients }: KeptStandings, nowMs: number): KeptStandings {
  const byMs = nowMs - then;
  const moved = clients.map(([client, offences, asOfMs, untilMs, quarantines]): KeptStanding => {
    const quarantinedUntilMs = quarantines === 0 ? 0 : untilMs + byMs;
    return [client, offences, asOfMs + byMs, quarantinedUntilMs, quarantines];
  });
  return { asOfMs: nowMs, clients: moved };
}

export function standingIn([, offences, asOfMs, quarantinedUntilMs, quarantines]: KeptStanding): Standing {
  return { offences, asOfMs, quarantinedUntilMs, quarantines };
}
