import { describe, expect, it } from "vitest";
import { createBound, decideBound, type BoundFacts } from "./adaptive-bound.ts";

const facts: BoundFacts = {
  current: 2,
  least: 1,
  settings: { maximum: 4, waiting: 0.1 },
  waitedMs: 0,
  elapsedMs: 100,
  workers: 4,
};

describe("the decision on a staleness bound", () => {
  it("raises it by one when workers wait for more than their share, up to the maximum", () => {
    expect(decideBound({ ...facts, waitedMs: 41 })).toMatchObject({ kind: "raise", bound: 3 });
    expect(decideBound({ ...facts, waitedMs: 41 }).reason).toBe("workers waited 10.3 % of the time, more than 10 %");
    expect(decideBound({ ...facts, waitedMs: 400, current: 4 })).toMatchObject({ kind: "keep", bound: 4 });
  });

  it("lowers it by one when they wait for less than half of it, down to the job's own", () => {
    expect(decideBound({ ...facts, waitedMs: 19 })).toMatchObject({ kind: "lower", bound: 1 });
    expect(decideBound({ ...facts, waitedMs: 0, current: 1 })).toMatchObject({ kind: "keep", bound: 1 });
  });

  it("keeps it between the two, and when no time has passed", () => {
    expect(decideBound({ ...facts, waitedMs: 30 }).kind).toBe("keep");
    expect(decideBound({ ...facts, waitedMs: 30, elapsedMs: 0 }).kind).toBe("keep");
  });

  it("never lowers a maximum that is below the job's own bound", () => {
    expect(decideBound({ ...facts, settings: { maximum: 0, waiting: 0.1 }, current: 1, waitedMs: 400 }).kind).toBe(
      "keep",
    );
  });
});

describe("the bound of a shard", () => {
  it("looks once in four updates a worker, and counts of each wait what lies in the window", () => {
    const bound = createBound(0, { maximum: 2, waiting: 0.5 });
    const nobody = (): readonly number[] => [];
    bound.look(1, 100, nobody);
    bound.waited(0, 120); // 20 ms of it in the window
    expect(bound.look(1, 130, nobody)).toBeUndefined();
    expect(bound.look(1, 140, nobody)).toBeUndefined();
    // 20 + 30 of 50 ms.
    expect(bound.look(1, 150, () => [120])).toMatchObject({ kind: "raise", bound: 1 });
    expect(bound.current).toBe(1);
  });

  it("goes on from where a snapshot was, within what the job allows", () => {
    const bound = createBound(1, { maximum: 4, waiting: 0.5 });
    bound.restore(3);
    expect(bound.current).toBe(3);
    bound.restore(9);
    expect(bound.current).toBe(4);
    bound.restore(0);
    expect(bound.current).toBe(1);
  });

  it("does not move without settings", () => {
    const bound = createBound(3, undefined);
    bound.waited(0, 1000);
    for (let update = 1; update < 20; update += 1) expect(bound.look(1, update, () => [0])).toBeUndefined();
    expect(bound.current).toBe(3);
  });
});
