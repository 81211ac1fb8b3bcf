import { describe, expect, it } from "vitest";
import { decideSnapshot, longerLead, maximumLead, type SnapshotFacts } from "./decide-snapshot.ts";

const facts: SnapshotFacts = {
  settings: { everySteps: 50, everySeconds: null, keep: 3 },
  ...{ isWanted: false, isSynchronous: true, stepsDone: 0, totalSteps: 1000, stepsPerMs: 0.01 },
  ...{ lastStep: 0, sinceLastMs: 0, lead: 1, isIdle: false },
};

describe("decideSnapshot, synchronous", () => {
  it("names the version shortly before it comes", () => {
    expect(decideSnapshot(facts).kind).toBe("wait");
    expect(decideSnapshot({ ...facts, stepsDone: 46 })).toMatchObject({ kind: "begin", version: 50 });
  });

  it("takes the next multiple when one is too near", () => {
    expect(decideSnapshot({ ...facts, stepsDone: 50 })).toMatchObject({ kind: "begin", version: 100 });
  });

  it("names it further ahead after every miss, up to a bound", () => {
    expect(decideSnapshot({ ...facts, isWanted: true, stepsDone: 7, lead: 8 })).toMatchObject({ version: 7 + 16 });
    expect(Array.from({ length: 20 }).reduce<number>(longerLead, 1)).toBe(maximumLead);
  });

  it("takes one that is asked for, or due by time, as soon as it can", () => {
    expect(decideSnapshot({ ...facts, isWanted: true, stepsDone: 7 })).toMatchObject({ version: 9 });
    const settings = { everySteps: null, everySeconds: 10, keep: 1 };
    expect(decideSnapshot({ ...facts, settings, sinceLastMs: 9999 }).kind).toBe("wait");
    expect(decideSnapshot({ ...facts, settings, sinceLastMs: 10_000 })).toMatchObject({ kind: "begin", version: 2 });
  });

  it("takes the version that is there when nobody computes", () => {
    expect(decideSnapshot({ ...facts, isWanted: true, isIdle: true, stepsDone: 7 })).toMatchObject({ version: 7 });
  });

  it("takes none of the last version, which is the model", () => {
    expect(decideSnapshot({ ...facts, isWanted: true, stepsDone: 998 }).kind).toBe("wait");
  });

  it("takes none unless somebody asks when the job names no interval", () => {
    expect(decideSnapshot({ ...facts, settings: null, stepsDone: 49 }).kind).toBe("wait");
    expect(decideSnapshot({ ...facts, settings: null, isWanted: true }).kind).toBe("begin");
  });
});

describe("decideSnapshot, bounded and asynchronous", () => {
  it("takes each shard as it is, so many batches after the last", () => {
    const loose = { ...facts, isSynchronous: false, lastStep: 100 };
    expect(decideSnapshot({ ...loose, stepsDone: 149 }).kind).toBe("wait");
    expect(decideSnapshot({ ...loose, stepsDone: 150 })).toMatchObject({ kind: "begin", version: null });
  });
});
