import { describe, expect, it } from "vitest";
import { decideIteration } from "./iteration-size.ts";

const facts = { parts: 8, previous: null, pace: 1 };

describe("the parts of a batch that make one iteration", () => {
  it("are all while nothing is known, and of whoever is as fast as the others", () => {
    expect(decideIteration({ ...facts, pace: null }).perIteration).toBe(8);
    expect(decideIteration(facts)).toMatchObject({ kind: "keep", perIteration: 8 });
    expect(decideIteration({ ...facts, pace: 0.5 }).perIteration).toBe(8);
  });

  it("are so many that an iteration lasts as long as the median's, but one at least", () => {
    expect(decideIteration({ ...facts, pace: 5 })).toMatchObject({ kind: "change", perIteration: 1.6 });
    expect(decideIteration({ ...facts, pace: 100 }).perIteration).toBe(1);
  });

  it("do not follow what is less than 3 %, and come back when the worker does", () => {
    expect(decideIteration({ ...facts, previous: 1.6, pace: 5.1 })).toMatchObject({ kind: "keep", perIteration: 1.6 });
    expect(decideIteration({ ...facts, previous: 1.6, pace: 1 })).toMatchObject({ kind: "change", perIteration: 8 });
  });
});
