import { describe, expect, it } from "vitest";
import { inCrowd } from "../../../test/support/crowd.ts";
import { leastRestMs } from "./population/declines.ts";

const everybody = Array.from({ length: 100 }, (_, index) => `c${index}`);
const [unwilling, willing] = [everybody.slice(0, 60), everybody.slice(60)];
/** A round among clients that answer: offer, training of 10 ms, and a handful of messages of 1 ms. */
const fullSpeedMs = 100;
const [steps, everyMs] = [60, 500];
/** Of each, in half a minute: at once, and after rests of 2, 4, 8 and 16 s. */
const timesEach = 5;
const inAll = unwilling.length * timesEach;

describe("60 of 100 clients, which always decline,", () => {
  it.each([
    // Others take their place: no round comes to nothing. Without rests they decline 893 times.
    { how: "offer", mostDeclines: inAll, mostAbandoned: 0 },
    // A round of 13 that needs 10 comes to nothing with the fourth: without rests 296 do. Whoever is fifth is too late to count.
    { how: "training", mostDeclines: 1.5 * inAll, mostAbandoned: inAll / 4 },
  ] as const)("cost little, and all others take part: $how", async ({ how, mostDeclines, mostAbandoned }) => {
    await inCrowd({}, async ({ come, play, roundsOf, declinesOf, records, sleep }) => {
      for (const name of unwilling) come(name, { declines: () => how });
      for (const name of willing) come(name);
      await sleep(100);
      for (let step = 0; step < steps; step += 1) {
        const [ms] = await play(1);
        expect(ms).toBeLessThan(fullSpeedMs);
        await sleep(everyMs);
      }
      expect(unwilling.reduce((sum, name) => sum + declinesOf(name), 0)).toBeLessThanOrEqual(mostDeclines);
      const abandoned = records.filter(({ body }) => body.outcome === "abandoned");
      expect(abandoned.length).toBeLessThanOrEqual(mostAbandoned);
      // The last round is told with the next step.
      expect(records).toHaveLength(steps - 1 + abandoned.length);
      // Each is in 15 rounds on average, with a deviation of 3.4.
      for (const name of willing) expect(roundsOf(name)).toBeGreaterThan(0);
    });
  });

  it("are not waited for by a round that would ask them, too", async () => {
    await inCrowd({}, async ({ come, play, sleep }) => {
      for (const name of everybody.slice(0, 8)) come(name, { declines: () => "offer" });
      for (const name of willing.slice(0, 12)) come(name);
      await sleep(100);
      // 12 are idle where 13 are asked: for others it would wait 20 s.
      for (const ms of await play(20)) expect(ms).toBeLessThan(fullSpeedMs);
    });
  });
});

describe("a client that has declined", () => {
  const alone = { goal: 3, minimum: 3, invited: 3 };

  it("is named while it is waited for, rests longer each time, and after it has taken part as at first", async () => {
    await inCrowd(alone, async ({ aggregator, come, play, sleep }) => {
      const declining = new Set([1, 2, 4]);
      come("a", { declines: (round) => (declining.has(round) ? "training" : undefined) });
      for (const name of ["b", "c"]) come(name);
      await sleep(100);
      const first = play(1);
      await sleep(500);
      const waits = "2 clients are idle, 3 are needed (1 more declined and comes back in 2 s)";
      expect(aggregator.describe()).toBe(`before round 2: ${waits}, for 0 s`);
      const [ms = 0] = await first;
      // Rests end together within 100 ms.
      expect(ms).toBeGreaterThanOrEqual(3 * leastRestMs);
      expect(ms).toBeLessThan(3 * leastRestMs + 3 * fullSpeedMs + 200);
      const [again = 0] = await play(1);
      expect(again).toBeGreaterThanOrEqual(leastRestMs);
      expect(again).toBeLessThan(leastRestMs + 2 * fullSpeedMs + 100);
    });
  });

  it("rests though it leaves and comes back", async () => {
    await inCrowd(alone, async ({ come, leave, play, sleep }) => {
      come("a", { declines: (round) => (round === 1 ? "training" : undefined) });
      for (const name of ["b", "c"]) come(name);
      await sleep(100);
      const step = play(1);
      await sleep(100);
      await leave("a");
      come("a");
      const [ms = 0] = await step;
      expect(ms).toBeGreaterThanOrEqual(leastRestMs);
      expect(ms).toBeLessThan(leastRestMs + 2 * fullSpeedMs + 100);
    });
  });
});
