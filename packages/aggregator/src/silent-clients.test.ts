import { describe, expect, it } from "vitest";
import { configurationTimeoutMs, inCrowd } from "../../../test/support/crowd.ts";

const everybody = Array.from({ length: 100 }, (_, index) => `c${index}`);
const [gone, staying] = [everybody.slice(0, 50), everybody.slice(50)];
/** A round among clients that answer: offer, training of 10 ms, and a handful of messages of 1 ms. */
const fullSpeedMs = 100;

describe("clients that are gone without a word", () => {
  it("cost one time to answer in all, and take part again when they come back", async () => {
    await inCrowd({}, async ({ come, vanish, play, roundsOf, sleep }) => {
      for (const name of everybody) come(name);
      await sleep(100);
      for (const ms of await play(4)) expect(ms).toBeLessThan(fullSpeedMs);
      for (const name of gone) vanish(name);
      const [first = 0, ...later] = await play(12);
      // All 13 that the first one draws are among those who stay once in 10^5.
      expect(first).toBeGreaterThanOrEqual(configurationTimeoutMs);
      // Those who stay have said so when they were asked.
      expect(first).toBeLessThan(configurationTimeoutMs + 500);
      for (const ms of later) expect(ms).toBeLessThan(fullSpeedMs);

      for (const name of gone) come(name);
      await sleep(100);
      for (const ms of await play(30)) expect(ms).toBeLessThan(fullSpeedMs);
      // Each is in 4 of 30 rounds on average, and in none once in 65: more than 8 of 50 in none once in 10^5.
      for (const names of [gone, staying]) {
        expect(names.filter((name) => roundsOf(name) > 0).length).toBeGreaterThan(41);
      }
    });
  });

  it("cost nothing where a round asks as many to spare, and rest after one offer that ran out", async () => {
    await inCrowd({}, async ({ come, vanish, play, records, sleep }) => {
      // Who trains for longer than there is time to answer leaves the round to find out who is silent.
      for (const [index, name] of everybody.slice(0, 40).entries()) come(name, { trainMs: index < 20 ? 10 : 6_000 });
      await sleep(100);
      for (const name of ["c0", "c20", "c39"]) vanish(name);
      const times = await play(60);
      const dropped = records.flatMap(({ body }) => body.dropped.list);
      const silent = dropped.filter(({ reason }) => reason === "it did not answer in time");
      expect(silent.map(({ client }) => client).toSorted()).toEqual(["c0", "c20", "c39"]);
      for (const ms of times) expect(ms).toBeLessThan(6_000 + fullSpeedMs);
    });
  });

  it("are named by their number while the others are waited for", async () => {
    await inCrowd({ goal: 3, minimum: 3, invited: 3 }, async ({ aggregator, come, vanish, play, sleep }) => {
      for (const name of ["a", "b", "c"]) come(name);
      await play(1);
      vanish("b");
      const next = play(1);
      await sleep(configurationTimeoutMs + 1_000);
      const waits = "2 clients are idle, 3 are needed (1 more did not answer and rests until heard of)";
      expect(aggregator.describe()).toMatch(`before round 3: ${waits}, for 1 s`);
      come("b");
      await next;
    });
  });
});
