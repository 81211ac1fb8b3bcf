import { describe, expect, it } from "vitest";
import { addWork, msPerSample, rankWorkers, type ReportedWork } from "./stragglers.ts";

const step = (computeMs: number): ReportedWork => ({ steps: 1, samples: 64, computeMs: 64 * computeMs });
const times = (values: readonly number[]): ReadonlyMap<number, number> =>
  new Map(values.map((time, index) => [index + 1, time]));
const nobody: ReadonlySet<number> = new Set();
const namedIn = (values: readonly number[], named = nobody): readonly number[] =>
  rankWorkers(times(values), named)
    .filter(({ straggler }) => straggler)
    .map(({ member }) => member);

describe("a worker's time for a sample", () => {
  it("is not known before its third step", () => {
    expect(msPerSample([step(1), step(1)])).toBeNull();
    expect(msPerSample([step(1), step(1), step(1)])).toBe(1);
    expect(msPerSample([{ steps: 4, samples: 256, computeMs: 256 }])).toBe(1);
  });

  it("follows the newest five steps: one slow step changes nothing, the third one does", () => {
    let recent: readonly ReportedWork[] = [1, 1, 1, 1, 1].map(step);
    const after = [5, 5, 5].map((ms) => msPerSample((recent = addWork(recent, step(ms)))));
    expect(after).toEqual([1, 1, 5]);
    expect(recent).toHaveLength(5);
  });

  it("counts a report as often as it has steps, and ignores one without samples", () => {
    expect(msPerSample([step(1), step(1), { steps: 9, samples: 90, computeMs: 450 }])).toBe(5);
    expect(addWork([step(1)], { steps: 1, samples: 0, computeMs: 0 })).toEqual([step(1)]);
  });
});

describe("the ranking of workers", () => {
  it("names one of eight that is five times slower, and puts it first", () => {
    const ranking = rankWorkers(times([1, 1, 5, 1, 1, 1, 1, 1]), nobody);
    expect(ranking[0]).toEqual({ member: 3, timesMedian: 5, straggler: true });
    expect(ranking.slice(1).map(({ member }) => member)).toEqual([1, 2, 4, 5, 6, 7, 8]);
  });

  it("names the slower one of two, nobody of one, and nobody where nothing is known", () => {
    expect(namedIn([1, 2])).toEqual([2]);
    expect(namedIn([7])).toEqual([]);
    expect(rankWorkers(new Map(), nobody)).toEqual([]);
  });

  it("allows what is usual where all differ: 3 · 1.4826 · MAD", () => {
    // Median 1.2, MAD 0.2: up to 2.09.
    expect(namedIn([1, 1.1, 1.2, 1.4, 2])).toEqual([]);
    expect(namedIn([1, 1.1, 1.2, 1.4, 2.2])).toEqual([5]);
  });

  it("allows one and a half times the median where nobody differs", () => {
    expect(namedIn([1, 1, 1, 1.5])).toEqual([]);
    expect(namedIn([1, 1, 1, 1.51])).toEqual([4]);
  });

  it("takes a name back only when the worker is clearly below the limit", () => {
    expect(namedIn([1, 1, 1, 1.45], new Set([4]))).toEqual([4]);
    expect(namedIn([1, 1, 1, 1.3], new Set([4]))).toEqual([]);
  });
});
