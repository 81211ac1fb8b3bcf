/** The short form of `npm run bench -- stragglers`: every aim of its table. */
import { describe, expect, it } from "vitest";
import { cures, measureCure } from "../../bench/stragglers/measure.ts";
import { createTrainingSite } from "../support/training-cluster.ts";

const site = await createTrainingSite();

describe("one of eight workers that is five times slower, in virtual time", () => {
  it.each(cures)("costs no more than $name allows, and is named within five steps", async (cure) => {
    const { throughput, idle, namedAfter } = await measureCure(site, cure, 6000);
    expect(throughput).toBeGreaterThanOrEqual(cure.aims?.throughput ?? 0);
    expect(idle).toBeLessThanOrEqual(cure.aims?.idle ?? 1);
    expect(namedAfter).toBeLessThanOrEqual(5);
  });

  it("holds bounded and synchronous runs to its own speed where nothing is done about it", async () => {
    for (const cure of cures.filter(({ name }) => name === "synchronous" || name === "bounded(3)")) {
      expect((await measureCure(site, cure, 6000)).throughput).toBeLessThan(0.3);
    }
  });
});
