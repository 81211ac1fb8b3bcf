import { describe, expect, it } from "vitest";
import { decideClaim } from "./decide-claim.ts";

const stored = (revision: number, released = false) => ({ revision, released, holder: "coordinator-a" });

describe("the lead", () => {
  it("is claimed where nobody has it, and where its holder has stepped down", () => {
    expect(decideClaim(undefined, undefined, 0, 1000).kind).toBe("claim");
    expect(decideClaim(undefined, stored(7, true), 0, 1000).kind).toBe("claim");
  });

  it("is claimed once the key has stood still for a lease of the own clock, not before", () => {
    const first = decideClaim(undefined, stored(7), 5_000, 1000);
    expect(first).toMatchObject({ kind: "wait", againInMs: 1000, reason: "coordinator-a leads" });
    // Whoever waits looks again when it may claim, not at its next regular look.
    expect(decideClaim(first.sighting, stored(7), 5_999, 1000)).toMatchObject({ kind: "wait", againInMs: 1 });
    expect(decideClaim(first.sighting, stored(7), 6_000, 1000)).toMatchObject({
      kind: "claim",
      reason: "coordinator-a has not renewed its lead for 1000 ms",
    });
  });

  it("begins to count anew with every renewal, however long ago the last look was", () => {
    const first = decideClaim(undefined, stored(7), 0, 1000);
    const second = decideClaim(first.sighting, stored(8), 900_000, 1000);
    expect(second).toMatchObject({ kind: "wait", sighting: { revision: 8, seenAtMs: 900_000 } });
  });
});
