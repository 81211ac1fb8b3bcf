import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { beginCounts, countContribution, mostContributions, mostCounted } from "./contribution-counts.ts";

const counted = (clients: readonly number[], before = 0) =>
  clients.reduce((counts, client) => countContribution(counts, `client-${client}`), beginCounts(before));

function greatest(clients: readonly number[]): number {
  const own = new Map<number, number>();
  for (const client of clients) own.set(client, (own.get(client) ?? 0) + 1);
  return Math.max(0, ...own.values());
}

describe("the greatest number of contributions of one client", () => {
  it("is exact as long as all clients have a place", () => {
    const few = fc.array(fc.nat(mostCounted - 1), { maxLength: 600 });
    fc.assert(
      fc.property(few, (clients) => {
        expect(mostContributions(counted(clients))).toBe(greatest(clients));
      }),
      { numRuns: 20 },
    );
  });

  it("is never too little and grows by one at most, and is too great by a share of all contributions at most", () => {
    const many = fc.array(fc.oneof(fc.nat(5), fc.nat(2_000)), { minLength: 400, maxLength: 900 });
    fc.assert(
      fc.property(many, fc.nat(3), (clients, before) => {
        let counts = beginCounts(before);
        let last = before;
        clients.forEach((client, at) => {
          counts = countContribution(counts, `client-${client}`);
          const most = mostContributions(counts);
          const isSound = (most === last || most === last + 1) && counts.clients.length <= mostCounted;
          if (!isSound) throw new Error(`${most} after ${last}`);
          last = most;
          if (at < clients.length - 1) return;
          expect(most).toBeGreaterThanOrEqual(greatest(clients));
          expect(most).toBeLessThanOrEqual(before + greatest(clients) + clients.length / mostCounted);
        });
      }),
      { numRuns: 8 },
    );
  });

  it("takes what is known of all for each, where nothing else is", () => {
    expect(mostContributions(counted([], 7))).toBe(7);
    expect(mostContributions(counted([1], 7))).toBe(8);
    expect(mostContributions(counted([1, 2, 1], 7))).toBe(9);
  });
});
