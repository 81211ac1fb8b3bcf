import type { RunMembers } from "@shoal/protocol";
import { describe, expect, test } from "vitest";
import { createWorkerClocks, type WorkerClocks } from "./worker-clocks.ts";

const members = (revision: number, ...workers: readonly (readonly [number, number])[]): RunMembers => ({
  revision,
  workers: workers.map(([member, incarnation]) => ({ member, incarnation, name: `worker-${member}` })),
  slotOwners: [],
});

const clocksOf = (clocks: WorkerClocks): Record<number, number> =>
  Object.fromEntries(clocks.snapshot().map(({ worker, clock }) => [worker, clock]));

describe("worker clocks", () => {
  test("members count from clock 0 before they have shown up", () => {
    const clocks = createWorkerClocks();
    clocks.update(members(1, [1, 1], [2, 1]));
    clocks.finish(1, 1, 0);
    expect(clocks.below(1)).toMatchObject([{ worker: 2, clock: 0 }]);
  });

  test("a late joiner starts at the slowest worker's clock, whatever its own count says", () => {
    const clocks = createWorkerClocks();
    clocks.update(members(1, [1, 1], [2, 1]));
    for (let clock = 0; clock < 9; clock += 1) clocks.finish(1, 1, clock);
    for (let clock = 0; clock < 7; clock += 1) clocks.finish(2, 1, clock);
    clocks.update(members(2, [1, 1], [2, 1], [3, 1], [4, 1]));
    expect(clocksOf(clocks)).toEqual({ 1: 9, 2: 7, 3: 7, 4: 7 });
    expect(clocks.show(3, 1, 0)).toBe(7);
    expect(clocks.show(4, 1, 500)).toBe(7);
    clocks.finish(3, 1, 0);
    clocks.finish(4, 1, 500);
    expect(clocksOf(clocks)).toEqual({ 1: 9, 2: 7, 3: 8, 4: 8 });
  });

  test("a worker that comes back as a new incarnation starts at the others' slowest clock", () => {
    const clocks = createWorkerClocks();
    clocks.update(members(1, [1, 1], [2, 1]));
    for (let clock = 0; clock < 5; clock += 1) clocks.finish(1, 1, clock);
    clocks.update(members(2, [1, 1], [2, 2]));
    expect(clocksOf(clocks)).toEqual({ 1: 5, 2: 5 });
    expect(clocks.show(2, 1, 3)).toBeUndefined();
  });

  test("who left holds nobody back", () => {
    const clocks = createWorkerClocks();
    clocks.update(members(1, [1, 1], [2, 1]));
    clocks.finish(1, 1, 0);
    clocks.update(members(2, [1, 1]));
    expect(clocks.below(1)).toEqual([]);
    expect(clocks.show(2, 1, 0)).toBeUndefined();
  });

  test("who is taken off the list and listed again starts like a late joiner, with the same incarnation", () => {
    const clocks = createWorkerClocks();
    clocks.update(members(1, [1, 1], [2, 1]));
    clocks.finish(2, 1, 0);
    clocks.update(members(2, [1, 1]));
    for (let clock = 0; clock < 5; clock += 1) clocks.finish(1, 1, clock);
    clocks.update(members(3, [1, 1], [2, 1]));
    expect(clocks.show(2, 1, 1)).toBe(5);
    clocks.finish(2, 1, 1);
    expect(clocksOf(clocks)).toEqual({ 1: 5, 2: 6 });
  });

  test("a single worker that restarts goes on where it was", () => {
    const clocks = createWorkerClocks();
    clocks.update(members(1, [1, 1]));
    clocks.finish(1, 1, 0);
    clocks.update(members(2, [1, 2]));
    expect(clocksOf(clocks)).toEqual({ 1: 1 });
  });

  test("with an open member list only those that showed up count", () => {
    const clocks = createWorkerClocks();
    expect(clocks.show(1, 1, 0)).toBe(0);
    clocks.finish(1, 1, 0);
    expect(clocks.below(1)).toEqual([]);
    expect(clocks.show(2, 1, 0)).toBe(1);
  });

  test("is the same after a journey as plain data", () => {
    const clocks = createWorkerClocks();
    clocks.update(members(1, [1, 1], [2, 1]));
    clocks.finish(1, 1, 0);
    expect(createWorkerClocks(clocks.snapshot()).snapshot()).toEqual(clocks.snapshot());
  });
});
