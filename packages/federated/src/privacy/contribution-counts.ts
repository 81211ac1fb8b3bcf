/**
 * How often the client has contributed that has contributed most, in bounded memory: never too little.
 *
 * Each of the newest `mostCounted` clients that were counted most has its number; all others have at most `others`. A client
 * that is not known takes the place of the one with the least number, and begins with `others` + 1; `others` becomes what that
 * one had. The numbers add up to no more than all contributions N, so the least of m, and with it what any number is too great
 * by, is at most N/m. With no more than m clients all numbers are exact.
 *
 * Source  Metwally, Agrawal, El Abbadi, ICDT 2005 (Space-Saving); theirs begins with the least number + 1.
 */
import { hexOf, sha256 } from "../contribution/sha256.ts";

export interface ContributionCounts {
  /** Contributions of any client that is not in the list, at most. */
  readonly others: number;
  /** By the beginning of the hash of their names: where two are alike, their contributions are added. */
  readonly clients: readonly (readonly [key: string, contributions: number])[];
}

/** Numbers that are kept: 6 KiB. */
export const mostCounted = 256;
const keyLength = 12;

/** @param others - contributions that any client may have made before anything is counted here */
export function beginCounts(others: number): ContributionCounts {
  return { others, clients: [] };
}

/** With one contribution more. */
export function countContribution(counts: ContributionCounts, client: string): ContributionCounts {
  const { others, clients } = counts;
  const key = hexOf(sha256(new TextEncoder().encode(client))).slice(0, keyLength);
  const at = clients.findIndex(([known]) => known === key);
  const known = clients[at];
  if (known !== undefined) return { others, clients: clients.with(at, [key, known[1] + 1]) };
  const added = [key, others + 1] as const;
  if (clients.length < mostCounted) return { others, clients: [...clients, added] };
  const least = Math.min(...clients.map(([, contributions]) => contributions));
  const leastAt = clients.findIndex(([, contributions]) => contributions === least);
  return { others: Math.max(others, least), clients: clients.with(leastAt, added) };
}

/** Of any one client, at most. */
export function mostContributions({ others, clients }: ContributionCounts): number {
  return clients.reduce((most, [, contributions]) => Math.max(most, contributions), others);
}
