import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { takeFederatedGroup, takeFederatedRow } from "../../../../../test/support/federated-rows.ts";
import { seededDraws } from "../../../../../test/support/seeded-draws.ts";
import { sourceOf, type ChunkSource } from "./chunk-source.ts";
import { combineRobustly, type RobustOptions, type RobustOutcome } from "./combine-robustly.ts";
import { meanNearest, meanNearMedianInto } from "./coordinate-rules.ts";
import { accumulateDistances, createDistances, type SquaredDistances } from "./distances.ts";
import { everyone, krumScores, leastScores } from "./krum.ts";
import { clientsNeeded, parseRobustRule, type RobustRule } from "./robust-rule.ts";

const floats = (updates: readonly (readonly number[])[]): Float32Array[] =>
  updates.map((update) => Float32Array.from(update));

const vectors = floats(takeFederatedRow<number[][]>("robust/vectors"));

const twentyfold = vectors.map((vector) => vector.map((value) => Math.round(20 * value)));

async function combine(
  rule: RobustRule,
  updates: readonly Float32Array[] = vectors,
  options: RobustOptions = {},
): Promise<{ readonly result: Float32Array; readonly outcome: RobustOutcome }> {
  const result = new Float32Array(updates[0]?.length ?? 0);
  const outcome = await combineRobustly(parseRobustRule(rule), sourceOf(updates), result, options);
  return { result, outcome };
}

/** Inputs are float32 (their rounding of 6e-8 is that of numbers up to 3.2), and so are results. */
const singlePrecision = 3e-7;

function expectClose(found: ArrayLike<number>, expected: readonly number[], tolerance = singlePrecision): void {
  expect(found).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) {
    expect(Math.abs((found[index] ?? NaN) - value)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(value)));
  }
}

type Chosen = readonly [indices: number[], mean: number[]];

describe("robust rules on the reference vectors", () => {
  it.each([
    [{ name: "median" }, takeFederatedRow<number[]>("robust/median")],
    [{ name: "trimmed_mean", trim: 1 / 7 }, takeFederatedRow<number[]>("robust/trimmed_k1")],
    [{ name: "trimmed_mean", trim: 2.5 / 7 }, takeFederatedRow<number[]>("robust/trimmed_k2")],
    [
      { name: "centred_clipping", radius: 5, iterations: 3 },
      takeFederatedRow<number[]>("robust/centered_clip_from0_tau5_3it"),
    ],
  ] as const)("%j", async (rule, expected) => {
    expectClose((await combine(rule)).result, expected);
  });

  it("the geometric median, iterated to its end", async () => {
    const rule = { name: "geometric_median", smoothing: 1e-10, iterations: 200, tolerance: 0 } as const;
    expectClose((await combine(rule)).result, takeFederatedRow<number[]>("robust/geometric_median"));
  });

  it("Krum's scores and choice", async () => {
    const { result, outcome } = await combine({ name: "krum", byzantine: 1 });
    // Scores are of rounded inputs: 2·0.1·6e-8 each term, and 100·6e-6 for the one far away.
    expectClose(outcome.scores, takeFederatedRow<number[]>("robust/krum_f1_scores"), 1e-6);
    expect(outcome.chosen).toEqual([takeFederatedRow<number>("robust/krum_f1_index")]);
    expect(result).toEqual(vectors[0]);
  });

  it.each([
    [{ name: "multi_krum", byzantine: 1, keep: 3 }, takeFederatedRow<Chosen>("robust/multikrum_f1_m3")],
    [{ name: "multi_krum", byzantine: 1, keep: 5 }, takeFederatedRow<Chosen>("robust/multikrum_f1_m5")],
    [{ name: "bulyan", byzantine: 1 }, takeFederatedRow<Chosen>("robust/bulyan_f1_iterative_paper")],
  ] as const)("%j", async (rule, [indices, expected]) => {
    // Times 20 the vectors are integers. As float32 fractions 2.1 is nearer to 2 than 1.9 is, and the row has them equal.
    const { result, outcome } = await combine(rule, twentyfold);
    expect(new Set(outcome.chosen)).toEqual(new Set(indices));
    if (rule.name === "bulyan") expect(outcome.chosen).toEqual(indices);
    expectClose(
      result.map((value) => value / 20),
      expected,
    );
  });

  it("Bulyan with all choices made at once, as Flower has it, is another thing and not ours", () => {
    const [indices, expected] = takeFederatedRow<Chosen>("robust/bulyan_f1_oneshot_flower");
    const distances = distancesOf(vectors);
    const chosen = leastScores(everyone(7), krumScores(distances, everyone(7), 4), 5);
    expect(new Set(chosen)).toEqual(new Set(indices));
    const into = new Float32Array(3);
    meanNearMedianInto(
      chosen.map((client) => vectors[client] ?? new Float32Array()),
      3,
      into,
    );
    expectClose(into, expected);
  });
});

function distancesOf(updates: readonly Float32Array[]): SquaredDistances {
  const distances = createDistances(updates.length);
  accumulateDistances(distances, updates);
  return distances;
}

interface NormRow {
  readonly updates: readonly (readonly number[])[];
  readonly bound: number;
  readonly beyond?: "zero";
  readonly weights: readonly number[];
  readonly sum: readonly number[];
  readonly clipped: number;
}

describe("updates clipped to a norm", () => {
  it.each(Object.entries(takeFederatedGroup<Record<string, NormRow>>("published norms")))("%s", async (_name, row) => {
    const rule = { name: "norm_bound", bound: row.bound, beyond: row.beyond ?? "scale" } as const;
    const { result, outcome } = await combine(rule, floats(row.updates), { weights: row.weights });
    const total = row.weights.reduce((sum, weight) => sum + weight, 0);
    expectClose(
      [...result].map((value) => value * total),
      row.sum,
    );
    expect(outcome.clipped).toHaveLength(row.clipped);
  });

  it("take the median of their norms where no bound is given", async () => {
    const { result, outcome } = await combine({ name: "norm_bound" }, floats([[1], [2], [300]]));
    expectClose(result, [5 / 3]);
    expect(outcome.clipped).toEqual([2]);
  });
});

interface FlowerRow {
  readonly updates: readonly (readonly number[])[];
  readonly trim: number;
  readonly byzantine: number;
  readonly keep: number;
  readonly result: readonly number[];
}

describe("Flower's published cases", () => {
  it("of the trimmed mean are ours", async () => {
    for (const row of [
      takeFederatedRow<FlowerRow>("published robustness/Flower trimmed mean"),
      takeFederatedRow<FlowerRow>("published robustness/Flower trimmed mean, one far"),
    ]) {
      expectClose((await combine({ name: "trimmed_mean", trim: row.trim }, floats(row.updates))).result, row.result);
    }
  });

  it("of Bulyan without liars is ours", async () => {
    const { updates, byzantine, result } = takeFederatedRow<FlowerRow>("published robustness/Flower Bulyan");
    // Published to four digits.
    expectClose((await combine({ name: "bulyan", byzantine }, floats(updates))).result, result, 5e-5);
  });

  it("of the values nearest to one of them are ours", () => {
    for (const row of [
      takeFederatedRow<NearRow>("published robustness/Flower nearest to 1"),
      takeFederatedRow<NearRow>("published robustness/Flower nearest to 0"),
    ]) {
      expect(meanNearest(Float64Array.from(row.values).sort(), row.reference, row.count)).toBe(row.mean);
    }
  });

  it("of Krum have fewer clients than the paper asks for: ours refuse, and Flower's count one neighbour", async () => {
    const krum = takeFederatedRow<FlowerRow>("published robustness/Flower Krum");
    const multi = takeFederatedRow<FlowerRow>("published robustness/Flower multi-Krum");
    const refusal = { code: "too_few_clients", details: { needed: 5, found: 3 } };
    await expect(combine({ name: "krum", byzantine: 1 }, floats(krum.updates))).rejects.toMatchObject(refusal);
    const rule = { name: "multi_krum", byzantine: 1, keep: multi.keep } as const;
    await expect(combine(rule, floats(multi.updates))).rejects.toMatchObject(refusal);
    for (const { updates, keep = 1, result } of [krum, multi]) {
      const chosen = leastScores(everyone(3), krumScores(distancesOf(floats(updates)), everyone(3), 1), keep);
      expectClose([chosen.reduce((sum, client) => sum + (updates[client]?.[0] ?? NaN), 0) / keep], result);
    }
  });
});

interface NearRow {
  readonly values: readonly number[];
  readonly reference: number;
  readonly count: number;
  readonly mean: number;
}

const everyRule: readonly RobustRule[] = [
  { name: "mean" },
  { name: "median" },
  { name: "trimmed_mean", trim: 0.2 },
  { name: "norm_bound" },
  { name: "krum", byzantine: 2 },
  { name: "multi_krum", byzantine: 2 },
  { name: "bulyan", byzantine: 2 },
  { name: "geometric_median" },
  { name: "centred_clipping", radius: 1 },
];

/** Eleven honest clients around 1, of `size` keys. */
function honest(size: number): Float32Array[] {
  const draws = seededDraws(size);
  return Array.from({ length: 11 }, () => Float32Array.from({ length: size }, () => 1 + (draws.uniform() - 0.5) / 10));
}

describe.each(everyRule)("$name", (rule) => {
  it("is the update itself where all are the same", async () => {
    const updates = Array.from({ length: 11 }, () => Float32Array.of(0.25, -3, 7));
    // Eleven equal summands divided by eleven are off by roundings of float64 only; clipping from zero needs its steps.
    const from = Float32Array.of(0.25, -3, 7);
    expectClose((await combine(rule, updates, { from })).result, [0.25, -3, 7], 1e-7);
  });

  it("gives the same bits however the updates are cut, held one chunk at a time, read again in each pass", async () => {
    const updates = honest(37);
    const whole = await combine(rule, updates);
    let [held, pauses] = [0, 0];
    const source: ChunkSource = {
      clients: 11,
      size: 37,
      read(client, begin, end) {
        held = Math.max(held, end - begin);
        const chunk = updates[client]?.slice(begin, end) ?? new Float32Array();
        return client % 2 === 0 ? chunk : Promise.resolve(chunk);
      },
    };
    const result = new Float32Array(37);
    const outcome = await combineRobustly(parseRobustRule(rule), source, result, {
      chunkSize: 5,
      pause: () => Promise.resolve(void (pauses += 1)),
    });
    // Norms and distances are sums over chunks: the last bit of a float64 may differ, a float32 hardly ever.
    expectClose(result, [...whole.result], 1e-7);
    expect(outcome.chosen).toEqual(whole.outcome.chosen);
    expect(held).toBe(5);
    // Eight chunks a pass, with a pause between each two.
    expect(pauses).toBe(7 * outcome.passes);
  });

  it("refuses what is no number, and updates of another size, naming the client", async () => {
    const [broken, short] = [honest(4), honest(4)];
    broken[3]?.set([NaN], 2);
    short[5] = new Float32Array(3);
    await expect(combine(rule, broken)).rejects.toMatchObject({ code: "not_finite", details: { client: 3, key: 2 } });
    await expect(combine(rule, short)).rejects.toMatchObject({ code: "layout_mismatch", details: { client: 5 } });
  });
});

it.each(everyRule.filter(({ name }) => name !== "mean"))(
  "$name stays with the honest when two of thirteen lie",
  async (rule) => {
    const lies = [-1e6, 1e6].map((value) => new Float32Array(20).fill(value));
    const { result } = await combine(rule, [...honest(20), ...lies], { from: new Float32Array(20).fill(0.5) });
    for (const value of result) expect(Math.abs(value - 1)).toBeLessThan(rule.name === "norm_bound" ? 0.4 : 0.3);
  },
);

describe("too few clients", () => {
  it.each([
    [{ name: "krum", byzantine: 2 }, 7],
    [{ name: "multi_krum", byzantine: 2 }, 7],
    [{ name: "multi_krum", byzantine: 2, keep: 8 }, 10],
    [{ name: "bulyan", byzantine: 2 }, 11],
    [{ name: "median" }, 1],
  ] as const)("%j needs %d and says so", async (rule, needed) => {
    expect(clientsNeeded(parseRobustRule(rule))).toBe(needed);
    const updates = honest(2).slice(0, needed - 1);
    if (needed > 1) await expect(combine(rule, updates)).rejects.toThrow(`at least ${needed} are needed`);
  });
});

describe("distances", () => {
  it("of a million keys are right to ten digits, where sums of squares in float32 lose all", () => {
    const size = 1_000_000;
    const draws = seededDraws("distance");
    const one = Float32Array.from({ length: size }, () => draws.uniform() - 0.5);
    const other = one.map((value) => value + 1.4e-5);
    let exact = 0;
    for (let key = 0; key < size; key += 1) exact += ((one[key] ?? 0) - (other[key] ?? 0)) ** 2;
    const distances = createDistances(2);
    for (let begin = 0; begin < size; begin += 16_384) {
      accumulateDistances(distances, [one.subarray(begin, begin + 16_384), other.subarray(begin, begin + 16_384)]);
    }
    // The same float64 terms in another grouping: 1e6 roundings of 1e-16 at most.
    expect(Math.abs((distances.values[1] ?? NaN) / exact - 1)).toBeLessThan(1e-10);
    expect(distances.values[2]).toBe(distances.values[1]);
  });

  it("by Krum choose the lowest index of equals", () => {
    const same = Array.from({ length: 5 }, () => Float32Array.of(1));
    const scores = krumScores(distancesOf(same), everyone(5), 2);
    expect(leastScores(everyone(5), scores, 3)).toEqual([0, 1, 2]);
  });
});

it("a trimmed mean leaves out the share that was named, and never everybody", async () => {
  // 0.29·100 is 28.999999999999996 in float64.
  const hundred = Array.from({ length: 100 }, (_, client) => [client < 29 ? -1e6 : client < 71 ? 1 : 1e6]);
  expect([...(await combine({ name: "trimmed_mean", trim: 0.29 }, floats(hundred))).result]).toEqual([1]);
  const almostHalf = { name: "trimmed_mean", trim: 0.5 - 2 ** -54 } as const;
  expect([...(await combine(almostHalf, floats([[3], [5]]))).result]).toEqual([4]);
  expect([...(await combine(almostHalf, floats([[9], [3], [5]]))).result]).toEqual([5]);
  expect([...(await combine(almostHalf, floats([[7]]))).result]).toEqual([7]);
});

it("a median by key lies between the values, and so does a trimmed mean", async () => {
  const updates = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 70 });
  await fc.assert(
    fc.asyncProperty(updates, async (values) => {
      const column = values.map((value) => Float32Array.of(value));
      for (const rule of [{ name: "median" }, { name: "trimmed_mean", trim: 0.3 }] as const) {
        const [found = NaN] = (await combine(rule, column)).result;
        expect(found).toBeGreaterThanOrEqual(Math.min(...values));
        expect(found).toBeLessThanOrEqual(Math.max(...values));
      }
    }),
  );
});

it.each([
  [{ name: "mode" }, "robust.name: expected one of mean, median"],
  [{ name: "trimmed_mean", trim: 0.5 }, "robust.trim: expected a number at least 0 below 0.5"],
  [{ name: "krum" }, "robust.byzantine"],
  [{ name: "norm_bound", bound: "mean" }, "robust.bound"],
  [{ name: "centred_clipping", radius: 1, iterations: 1e9 }, "robust.iterations"],
])("a rule from outside is refused with the field that is wrong: %j", (rule, sentence) => {
  expect(() => parseRobustRule(rule)).toThrow(sentence);
});
