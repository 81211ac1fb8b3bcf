import { describe, expect, test } from "vitest";
import { decidePull, decidePush, listNames, type PullFacts, type PushFacts } from "./consistency.ts";

const push: PushFacts = {
  consistency: { mode: "synchronous" },
  initialized: true,
  version: 4,
  slots: 2,
  clock: 4,
  baseVersion: 4,
  batch: 9,
  sighting: { kind: "unseen" },
  refusal: undefined,
  slot: 1,
  slotFill: "empty",
  batches: 1,
  batchesCounted: 0,
  stalenessBound: null,
  tooStaleInRow: 0,
  lostAtMost: 0,
  hasRoom: true,
};

const pull: PullFacts = {
  consistency: { mode: "synchronous" },
  initialized: true,
  version: 4,
  clock: 4,
  position: 4,
  workers: () => ["worker-1", "worker-2"],
  missing: () => ["worker-2"],
  below: () => [],
};

describe("a stale push in asynchronous mode", () => {
  const stale: PushFacts = { ...push, consistency: { mode: "asynchronous" }, version: 9, baseVersion: 4 };

  test("is applied where there is no bound, and up to the bound", () => {
    expect(decidePush(stale)).toMatchObject({ kind: "apply" });
    expect(decidePush({ ...stale, stalenessBound: 5 })).toMatchObject({ kind: "apply" });
  });

  test("is sent back beyond the bound, which each rejection in a row doubles", () => {
    const beyond = { ...stale, stalenessBound: 1 };
    expect(decidePush(beyond)).toEqual({ kind: "too_stale", reason: "staleness 5, at most 1 is applied" });
    expect(decidePush({ ...beyond, tooStaleInRow: 1 })).toMatchObject({ kind: "too_stale" });
    expect(decidePush({ ...beyond, tooStaleInRow: 2 })).toMatchObject({ kind: "apply" });
    expect(decidePush({ ...stale, stalenessBound: 0, tooStaleInRow: 3 })).toMatchObject({ kind: "apply" });
  });

  test("whose batch counted already is a duplicate, however stale it is", () => {
    expect(decidePush({ ...stale, stalenessBound: 0, batchesCounted: 1 })).toMatchObject({ kind: "duplicate" });
  });
});

describe("a push from a version that was lost with a primary", () => {
  const ahead: PushFacts = { ...push, baseVersion: 7, clock: 7, batch: 15 };

  test("makes the shard catch up, as far as updates may have been lost", () => {
    expect(decidePush({ ...ahead, lostAtMost: 3 })).toMatchObject({ kind: "catch_up", version: 7 });
    expect(decidePush({ ...ahead, lostAtMost: 2 })).toMatchObject({ kind: "refuse", code: "invalid_argument" });
  });

  test("does so by its clock where its base is not known yet", () => {
    expect(decidePush({ ...ahead, baseVersion: 0, lostAtMost: 3 })).toMatchObject({ kind: "catch_up", version: 7 });
    expect(decidePush({ ...ahead, baseVersion: 0 })).toMatchObject({ kind: "refuse", code: "invalid_argument" });
  });
});

describe("a push in synchronous mode", () => {
  test("contributes to the slot of its batch", () => {
    expect(decidePush(push)).toMatchObject({ kind: "contribute", slot: 1 });
  });

  test("takes the place of an equal contribution that still waits", () => {
    expect(decidePush({ ...push, slotFill: "staged" })).toMatchObject({ kind: "replace", slot: 1 });
  });

  test("waits for the step when its slot is in the sum already", () => {
    expect(decidePush({ ...push, slotFill: "folded" })).toMatchObject({ kind: "await", slot: 1 });
  });

  test("of a step that is over is stale, unless it is a repetition of one that counted", () => {
    expect(decidePush({ ...push, clock: 3, batch: 7 })).toMatchObject({ kind: "stale_clock" });
    const repeated = { ...push, clock: 3, batch: 7, sighting: { kind: "counted", version: 4 } } as const;
    expect(decidePush(repeated)).toMatchObject({ kind: "duplicate", version: 4 });
  });

  test("is refused when it is ahead of the shard", () => {
    expect(decidePush({ ...push, clock: 5, batch: 11 })).toMatchObject({ kind: "refuse", code: "invalid_argument" });
    expect(decidePush({ ...push, baseVersion: 5 })).toMatchObject({ kind: "refuse", code: "invalid_argument" });
  });

  test("is refused when its batch is of another step, or when it has no slot", () => {
    expect(decidePush({ ...push, batch: 7 })).toMatchObject({ kind: "refuse" });
    expect(decidePush({ ...push, batch: null, slot: undefined })).toMatchObject({ kind: "refuse" });
    expect(decidePush({ ...push, batch: null, slot: 2 })).toMatchObject({ kind: "refuse" });
  });
});

describe("a push in any mode", () => {
  test("is refused before there are values, from strangers, and from fenced incarnations", () => {
    expect(decidePush({ ...push, initialized: false })).toMatchObject({ kind: "refuse", code: "invalid_argument" });
    expect(decidePush({ ...push, refusal: "no" })).toMatchObject({ kind: "refuse", code: "not_a_member" });
    const fenced = { ...push, sighting: { kind: "older_incarnation", known: 2 } } as const;
    expect(decidePush(fenced)).toMatchObject({ kind: "refuse", code: "not_a_member" });
  });

  test("is refused when nothing could be remembered of it", () => {
    expect(decidePush({ ...push, hasRoom: false })).toMatchObject({ kind: "refuse", code: "no_capacity" });
    const old = { ...push, sighting: { kind: "below_window", lowest: 7 } } as const;
    expect(decidePush(old)).toMatchObject({ kind: "refuse", code: "invalid_argument" });
  });

  test("is applied as it comes without a barrier, once a batch", () => {
    const free = { ...push, consistency: { mode: "asynchronous" }, clock: 900 } as const;
    expect(decidePush(free)).toMatchObject({ kind: "apply" });
    expect(decidePush({ ...free, batchesCounted: 1 })).toMatchObject({ kind: "duplicate", version: 4 });
  });

  test("of several batches counts all or none: it is refused where somebody else has some of them", () => {
    const several = { ...push, consistency: { mode: "bounded", staleness: 3 }, batches: 4 } as const;
    expect(decidePush(several)).toMatchObject({ kind: "apply" });
    expect(decidePush({ ...several, batchesCounted: 4 })).toMatchObject({ kind: "duplicate" });
    expect(decidePush({ ...several, batchesCounted: 1 })).toMatchObject({ kind: "refuse", code: "not_a_member" });
    expect(decidePush({ ...push, batches: 2 })).toMatchObject({ kind: "refuse", code: "invalid_argument" });
  });
});

describe("a pull", () => {
  test("waits for initial values in every mode", () => {
    const decision = decidePull({ ...pull, consistency: { mode: "asynchronous" }, initialized: false });
    expect(decision).toEqual({
      kind: "wait",
      waitingFor: ["worker-1", "worker-2"],
      reason: "initial values of worker-1, worker-2",
    });
  });

  test("in synchronous mode waits for the missing contributions of the step before its clock", () => {
    expect(decidePull(pull)).toMatchObject({ kind: "answer" });
    expect(decidePull({ ...pull, clock: 5 })).toEqual({
      kind: "wait",
      waitingFor: ["worker-2"],
      reason: "the contribution to step 4 of worker-2",
    });
  });

  test("in bounded mode waits for those more than the bound behind it", () => {
    const clocks: Readonly<Record<string, number>> = { "worker-1": 9, "worker-2": 6 };
    const below = (clock: number): string[] => Object.keys(clocks).filter((name) => (clocks[name] ?? 0) < clock);
    const facts: PullFacts = { ...pull, consistency: { mode: "bounded", staleness: 3 }, below };
    expect(decidePull({ ...facts, position: 9 })).toMatchObject({ kind: "answer" });
    expect(decidePull({ ...facts, position: 10 })).toEqual({
      kind: "wait",
      waitingFor: ["worker-2"],
      reason: "clock 7 of worker-2",
    });
    expect(decidePull({ ...facts, position: undefined })).toMatchObject({ kind: "answer" });
  });
});

test("long lists of names are cut for people", () => {
  expect(listNames(["a", "b"])).toBe("a, b");
  expect(listNames(["a", "b", "c", "d", "e", "f"])).toBe("a, b, c and 3 more");
});
