import type { ParameterLayout, Segment } from "@shoal/models";
import { matchesPattern, type ParameterGroup } from "@shoal/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closeNames } from "./close-names.ts";
import { parameterUpdates, updatesWithin } from "./parameter-updates.ts";
import { partitionAt } from "./partition-at.ts";

const parts: readonly [name: string, length: number, rest?: Partial<Segment>][] = [
  ["0.weight", 30],
  ["0.bias", 5, { role: "bias" }],
  ["1.weight", 5, { role: "norm" }],
  ["1.bias", 5, { role: "norm" }],
  ["1.runningMean", 5, { role: "statistic", rate: 0.1 }],
  ["2.weight", 20, { frozen: true }],
  ["2.bias", 4, { frozen: true, role: "bias" }],
];

function layoutOf(): ParameterLayout {
  let size = 0;
  const segments = parts.map(([name, length, rest]): Segment => {
    const offset = size;
    size += length;
    const initial = { kind: "constant", value: 0 } as const;
    return { name, shape: [length], offset, length, role: "weight", frozen: false, initial, ...rest };
  });
  return { size, segments };
}

const gradients = { aggregation: "mean", communication: { name: "gradients" } } as const;

const updatesOf = (optimizer: string, ...parameterGroups: ParameterGroup[]) =>
  parameterUpdates({ ...gradients, optimizer: { name: optimizer }, parameterGroups }, layoutOf());

const plain = { kind: "optimizer", weightDecay: null, learningRateScale: 1 };

describe("the updates of a model's parameters", () => {
  it("are one range where nothing differs, and ranges for statistics and frozen layers where there are some", () => {
    expect(updatesOf("adam")).toEqual({
      treatments: [plain, { kind: "statistic", rate: 0.1 }, { kind: "frozen" }],
      ranges: [
        [45, 0],
        [50, 1],
        [74, 2],
      ],
      cuts: null,
    });
  });

  it("follow the first group that matches", () => {
    const { treatments, ranges } = updatesOf(
      "adamw",
      { parameters: "1.*", weightDecay: 0 },
      { parameters: "*.bias", weightDecay: 0.5, learningRateScale: 2 },
      { parameters: "0.*", frozen: true },
    );
    expect(ranges.map(([end, index]) => [end, treatments[index]])).toEqual([
      [30, { kind: "frozen" }],
      [35, { kind: "optimizer", weightDecay: 0.5, learningRateScale: 2 }],
      [45, { kind: "optimizer", weightDecay: 0, learningRateScale: 1 }],
      [50, { kind: "statistic", rate: 0.1 }],
      [74, { kind: "frozen" }],
    ]);
  });

  it("keep every layer apart where the optimiser takes its norm, and cut shards between layers only", () => {
    const { ranges, cuts } = updatesOf("lamb");
    expect(ranges.map(([end]) => end)).toEqual([30, 35, 40, 45, 50, 74]);
    expect(cuts).toEqual([30, 35, 40, 45, 50, 70]);
  });

  it("keep every layer apart where Adasum takes its norm", () => {
    const job = { ...gradients, aggregation: "adasum", optimizer: { name: "sgd" }, parameterGroups: [] } as const;
    const { ranges, cuts } = parameterUpdates(job, layoutOf());
    expect(ranges.map(([end]) => end)).toEqual([30, 35, 40, 45, 50, 74]);
    expect(cuts).toEqual([30, 35, 40, 45, 50, 70]);
  });

  it("are plain after local updates, whose groups were the workers' business, but for what is frozen or measured", () => {
    const parameterGroups = [{ parameters: "0.*", weightDecay: 0.5, learningRateScale: 2 }];
    const after = (name: "local_sgd" | "fedasync") =>
      parameterUpdates(
        { ...gradients, communication: { name, steps: 4, mixing: 0.5 }, optimizer: { name: "lamb" }, parameterGroups },
        layoutOf(),
      );
    expect(after("local_sgd")).toEqual({
      treatments: [plain, { kind: "statistic", rate: 1 }, { kind: "frozen" }],
      ranges: [
        [45, 0],
        [50, 1],
        [74, 2],
      ],
      cuts: null,
    });
    // Models are mixed as they are, statistics and all.
    expect(after("fedasync").ranges).toEqual([
      [50, 0],
      [74, 1],
    ]);
  });

  it("are the same for every key, however the vector is cut into shards", () => {
    const { ranges } = updatesOf("sgd", { parameters: "*.bias", weightDecay: 0 });
    const treatmentAt = (list: typeof ranges, key: number) => list.find(([end]) => key < end)?.[1];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 73 }), fc.integer({ min: 1, max: 74 }), (begin, length) => {
        const end = Math.min(begin + length, 74);
        const within = updatesWithin(ranges, { begin, end });
        expect(within.at(-1)?.[0]).toBe(end - begin);
        for (let key = begin; key < end; key++) {
          expect(treatmentAt(within, key - begin)).toBe(treatmentAt(ranges, key));
        }
      }),
    );
  });
});

describe("a cut between parameters", () => {
  it("covers every key once, at allowed keys only, and no range is longer than a share and a parameter", () => {
    const anyCuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(anyCuts, fc.integer({ min: 1, max: 12 }), (lengths, shards) => {
        const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((sum, length) => sum + length, 0));
        const size = ends.at(-1) ?? 0;
        const ranges = partitionAt(size, shards, ends.slice(0, -1));
        expect(ranges.length).toBeLessThanOrEqual(shards);
        let next = 0;
        for (const { begin, end } of ranges) {
          expect(begin).toBe(next);
          expect(end).toBeGreaterThan(begin);
          expect(ends).toContain(end);
          expect(end - begin).toBeLessThanOrEqual(size / shards + Math.max(...lengths));
          next = end;
        }
        expect(next).toBe(size);
      }),
    );
  });
});

describe("a pattern of names", () => {
  it.each([
    ["*", "0.weight", true],
    ["*.weight", "0.weight", true],
    ["0.*", "0.weight", true],
    ["0.*t", "0.weight", true],
    ["*.*", "0weight", false],
    ["blocks.*.attention.*", "blocks.0.attention.query.weight", true],
    ["a*b*a", "aba", true],
    ["a*a", "a", false],
    ["ab*ba", "aba", false],
    ["0.weigh", "0.weight", false],
    ["0.weight", "0.weight", true],
    ["*a*", "bbb", false],
    ["0xweight", "0.weight", false],
  ])("%s and %s: %s", (pattern, name, matches) => {
    expect(matchesPattern(pattern, name)).toBe(matches);
  });

  it("knows what somebody may have meant", () => {
    expect(closeNames("2.weigth", ["0.bias", "2.weight", "2.bias"], 1)).toEqual(["2.weight"]);
  });
});
