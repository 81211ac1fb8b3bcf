/**
 * How far a client is trusted: refused contributions add up, and fade. Who has too many is not asked for a while, each time
 * for twice as long.
 */

export interface StandingRules {
  /** Refusals, faded, that lead into quarantine. */
  readonly mostOffences: number;
  /** Time in which what is held against a client fades to a half. */
  readonly halfLifeMs: number;
  /** The first quarantine. */
  readonly quarantineMs: number;
  readonly longestQuarantineMs: number;
}

export interface Standing {
  /** As of `asOfMs`. */
  readonly offences: number;
  readonly asOfMs: number;
  /** 0: never. */
  readonly quarantinedUntilMs: number;
  readonly quarantines: number;
}

export const defaultStandingRules: StandingRules = {
  ...{ mostOffences: 3, halfLifeMs: 3_600_000, quarantineMs: 600_000, longestQuarantineMs: 86_400_000 },
};

export const goodStanding: Standing = { offences: 0, asOfMs: 0, quarantinedUntilMs: 0, quarantines: 0 };

/** A contribution was refused for what is in it (`weight` 1), or for something that honest clients do, too (less). */
export function holdAgainst(standing: Standing, rules: StandingRules, nowMs: number, weight = 1): Standing {
  const offences = faded(standing, rules, nowMs) + weight;
  if (offences < rules.mostOffences) return { ...standing, offences, asOfMs: nowMs };
  const quarantines = standing.quarantines + 1;
  const forMs = Math.min(rules.quarantineMs * 2 ** standing.quarantines, rules.longestQuarantineMs);
  return { offences: 0, asOfMs: nowMs, quarantines, quarantinedUntilMs: nowMs + forMs };
}

/** Whether it may be asked. */
export function isTrusted({ quarantinedUntilMs }: Standing, nowMs: number): boolean {
  return nowMs >= quarantinedUntilMs;
}

/** Whether anything is worth remembering of it. */
export function isForgiven(standing: Standing, rules: StandingRules, nowMs: number): boolean {
  const since = Math.max(standing.quarantinedUntilMs, standing.asOfMs);
  return isTrusted(standing, nowMs) && nowMs - since > 10 * rules.halfLifeMs;
}

function faded({ offences, asOfMs }: Standing, { halfLifeMs }: StandingRules, nowMs: number): number {
  return offences * 2 ** (-Math.max(0, nowMs - asOfMs) / halfLifeMs);
}
