import { describe, expect, it } from "vitest";
import { decideRollCall } from "./decide-roll-call.ts";

describe("a roll call", () => {
  const facts = { silent: 3, plan: { goal: 10, invited: 13 }, nowMs: 50_000, calledAtMs: -Infinity, everyMs: 40_000 };

  it("is made when more are silent than a round asks to spare, and not again for a while", () => {
    expect(decideRollCall(facts)).toEqual({ kind: "leave", reason: "3 were silent, the round asks 3 to spare" });
    expect(decideRollCall({ ...facts, silent: 4 }).kind).toBe("call");
    expect(decideRollCall({ ...facts, silent: 4, calledAtMs: 10_001 }).kind).toBe("leave");
    expect(decideRollCall({ ...facts, silent: 4, calledAtMs: 10_000 }).kind).toBe("call");
  });

  it("is not made where clients are drawn by coins: one that is silent must not change the chance of another", () => {
    const plan = { goal: 40, invited: 40, draw: "poisson" } as const;
    expect(decideRollCall({ ...facts, plan, silent: 10 }).kind).toBe("leave");
  });

  it("is made for no round in which nobody was silent, of whatever plan", () => {
    // A buffer may have fewer clients at a time than contributions that it waits for.
    for (const plan of [facts.plan, { goal: 5, invited: 5 }, { goal: 8, invited: 2 }]) {
      expect(decideRollCall({ ...facts, plan, silent: 0 }).kind).toBe("leave");
    }
  });
});
