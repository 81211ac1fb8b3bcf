import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { takeFederatedGroup, takeFederatedRow } from "../../../../test/support/federated-rows.ts";
import { parseAggregationPolicy, type AggregationPolicy } from "./aggregation-policy.ts";
import { createAggregator, type Aggregator, type VectorChunk } from "./aggregator.ts";

const whole = (values: readonly number[]): VectorChunk[] => [{ begin: 0, values: Float32Array.from(values) }];

function aggregator(policy: AggregationPolicy, size = 1): Aggregator {
  return createAggregator(parseAggregationPolicy(policy), size);
}

function read(from: Aggregator): Float32Array {
  const into = new Float32Array(from.size);
  from.read(0, into);
  return into;
}

/** Inputs and results are float32: two roundings of 6e-8 each. */
const singlePrecision = 2e-7;

function expectClose(found: ArrayLike<number>, expected: readonly number[], tolerance = singlePrecision): void {
  expect(found).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) {
    expect(Math.abs((found[index] ?? NaN) - value)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(value)));
  }
}

interface MeanRow {
  readonly updates: readonly (readonly number[])[];
  readonly weights: readonly number[];
  readonly mean: readonly number[];
}

function meanOf(updates: MeanRow["updates"], weights: readonly number[]): Float32Array {
  const made = aggregator({ name: "fedavg", goal: updates.length }, updates[0]?.length);
  for (const [k, update] of updates.entries()) {
    made.offer({ client: `client-${k}`, baseVersion: 0, samples: weights[k] ?? 0 }, whole(update));
  }
  return read(made);
}

describe("federated averaging", () => {
  it("is the weighted mean of the reference vectors", () => {
    const updates = takeFederatedRow<number[][]>("robust/vectors");
    expectClose(
      meanOf(updates, takeFederatedRow<number[]>("robust/weights")),
      takeFederatedRow<number[]>("robust/weighted_mean"),
    );
    expectClose(
      meanOf(
        updates,
        updates.map(() => 1),
      ),
      takeFederatedRow<number[]>("robust/mean"),
    );
  });

  it.each(Object.entries(takeFederatedGroup<Record<string, MeanRow>>("published means")))("%s", (_name, row) => {
    expectClose(meanOf(row.updates, row.weights), row.mean);
  });

  it("refuses who began with another version, and counts a claimed million as the cap", () => {
    const made = createAggregator(parseAggregationPolicy({ name: "fedavg", goal: 2, sampleCap: 100 }), 1, 5);
    const from = { client: "a", baseVersion: 5, samples: 1 };
    expect(made.offer({ ...from, baseVersion: 4 }, whole([1]))).toMatchObject({ kind: "refuse", cause: "stale" });
    expect(made.offer({ ...from, baseVersion: 6 }, whole([1]))).toMatchObject({ cause: "version_ahead" });
    expect(made.offer({ ...from, samples: 0 }, whole([1]))).toMatchObject({ cause: "unusable" });
    expect(made.folded).toEqual([]);
    expect(made.offer({ ...from, samples: 1e6 }, whole([3]))).toMatchObject({ weight: 100, completes: false });
    expect(made.offer({ ...from, client: "b", samples: 100 }, whole([5]))).toMatchObject({ completes: true });
    expect(made.complete).toBe(true);
    expect(made.offer({ ...from, client: "c" }, whole([9]))).toMatchObject({ cause: "full" });
    expectClose(read(made), [4]);
  });

  it("does not depend on the order of the updates beyond float64", () => {
    const updates = fc.array(fc.tuple(fc.float({ min: -1, max: 1, noNaN: true }), fc.integer({ min: 1, max: 99 })), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(updates, (given) => {
        const mean = (order: typeof given): number =>
          meanOf(
            order.map(([value]) => [value]),
            order.map(([, weight]) => weight),
          )[0] ?? NaN;
        expect(Math.abs(mean(given) - mean(given.toReversed()))).toBeLessThanOrEqual(singlePrecision);
      }),
    );
  });

  it("gives the same bits however the update is cut into chunks", () => {
    const vector = fc.array(fc.float({ min: -9, max: 9, noNaN: true }), { minLength: 3, maxLength: 30 });
    fc.assert(
      fc.property(vector, fc.nat(), fc.nat(), (values, one, other) => {
        const [cut, place] = [one % values.length, other % values.length];
        const made = [0, 1].map(() => aggregator({ name: "fedavg", goal: 3 }, values.length));
        const chunks = [
          { begin: 0, values: Float32Array.from(values.slice(0, cut)) },
          { begin: cut, values: Float32Array.from(values.slice(cut)) },
        ];
        for (const samples of [1, 3, 7]) {
          made[0]?.offer({ client: `${samples}`, baseVersion: 0, samples }, whole(values));
          made[1]?.offer({ client: `${samples}`, baseVersion: 0, samples }, chunks);
        }
        const [first, second] = [new Float32Array(values.length), new Float32Array(values.length)];
        made[0]?.read(0, first);
        made[1]?.read(place, second.subarray(place));
        made[1]?.read(0, second.subarray(0, place));
        expect(second).toEqual(first);
      }),
    );
  });

  it("reads the pseudo-gradient and forgets with each version", () => {
    const made = aggregator({ name: "fedavg", goal: 1 }, 2);
    made.offer({ client: "a", baseVersion: 0, samples: 3 }, whole([2, 4]));
    const into = new Float32Array(2);
    made.read(0, into, -1);
    expect([...into]).toEqual([-2, -4]);
    made.advance(1);
    expect([made.version, made.complete, made.folded.length]).toEqual([1, false, 0]);
    expect(() => made.read(0, into)).toThrow(RangeError);
    expect(() => made.advance(0)).toThrow(RangeError);
  });

  it("takes an update whole or not at all", () => {
    const made = aggregator({ name: "fedavg", goal: 1 }, 4);
    const from = { client: "a", baseVersion: 0, samples: 1 };
    const gap = [
      { begin: 0, values: Float32Array.of(1) },
      { begin: 2, values: Float32Array.of(1, 1) },
    ];
    for (const update of [gap, whole([1, 2, 3]), whole([1, 2, 3, 4, 5]), []]) {
      expect(() => made.offer(from, update)).toThrow(expect.objectContaining({ code: "layout_mismatch" }));
    }
    expect(made.folded).toEqual([]);
    made.offer(from, whole([1, 2, 3, 4]));
    expect([...read(made)]).toEqual([1, 2, 3, 4]);
    expect(() => made.read(2, new Float32Array(3))).toThrow(RangeError);
  });
});

describe("buffered aggregation", () => {
  const arrivals = takeFederatedRow<readonly (readonly [number, number])[]>("fedbuff/events_base_version_and_delta");
  const buffer = takeFederatedRow<number>("fedbuff/K");
  const rate = takeFederatedRow<number>("fedbuff/eta_g");

  function play(divideBy: "count" | "weights"): number[] {
    const made = aggregator({ name: "fedbuff", buffer, divideBy });
    let x = 0;
    const seen: number[] = [];
    for (const [baseVersion, delta] of arrivals) {
      const decision = made.offer({ client: "any", baseVersion, samples: 1 }, whole([delta]));
      expect(decision.kind).toBe("fold");
      if (!made.complete) continue;
      x += rate * (read(made)[0] ?? NaN);
      seen.push(x);
      made.advance(made.version + 1);
    }
    return seen;
  }

  it("follows the published arrivals, divided by K as in the paper", () => {
    expectClose(play("count"), takeFederatedRow<number[]>("fedbuff/divide_by_K_paper"));
  });

  it("follows them divided by the sum of the weights, as FLSim does when asked to", () => {
    expectClose(play("weights"), takeFederatedRow<number[]>("fedbuff/divide_by_sum_weights"));
  });

  it("refuses what is older than it may be, saying how old it is", () => {
    const policy = parseAggregationPolicy({ name: "fedbuff", buffer: 2, maximumStaleness: 3 });
    const made = createAggregator(policy, 1, 9);
    const decision = made.offer({ client: "a", baseVersion: 5, samples: 1 }, whole([1]));
    expect(decision).toMatchObject({ cause: "stale", reason: "base version 5 is 4 old, at most 3 is taken" });
    expect(made.offer({ client: "a", baseVersion: 6, samples: 1 }, whole([1]))).toMatchObject({
      staleness: 3,
      weight: 0.5,
    });
  });
});

describe("asynchronous aggregation", () => {
  const arrivals = takeFederatedRow<readonly (readonly [number, number])[]>("fedasync/events_base_version_and_model");
  const mixing = takeFederatedRow<number>("fedasync/alpha");
  const start = takeFederatedRow<number>("fedasync/x0");

  it.each([
    [{ name: "constant" }, takeFederatedRow<number[]>("fedasync/const")],
    [{ name: "polynomial", exponent: 0.5 }, takeFederatedRow<number[]>("fedasync/poly0.5")],
    [{ name: "hinge", slope: 10, offset: 4 }, takeFederatedRow<number[]>("fedasync/hinge10_4")],
  ] as const)("mixes models as published with staleness %j", (staleness, expected) => {
    const made = aggregator({ name: "fedasync", mixing, staleness });
    const history = [start];
    for (const [baseVersion, model] of arrivals) {
      const [base = NaN, now = NaN] = [history[baseVersion], history.at(-1)];
      made.offer({ client: "any", baseVersion, samples: 1 }, whole([model - base]), whole([base - now]));
      history.push(now + (read(made)[0] ?? NaN));
      made.advance(made.version + 1);
    }
    // The differences go through float32: an error of each is kept by later values.
    expectClose(history.slice(1), expected, 1e-6);
  });

  it("needs what the values have moved to mix an old model, and does not to add an update", () => {
    const from = { client: "a", baseVersion: 0, samples: 1 };
    const models = createAggregator(parseAggregationPolicy({ name: "fedasync", mixing: 0.5 }), 1, 3);
    expect(() => models.offer(from, whole([1]))).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    expect(models.folded).toEqual([]);
    const updates = createAggregator(parseAggregationPolicy({ name: "fedasync", mixing: 0.5, mix: "updates" }), 1, 3);
    expect(updates.offer(from, whole([4]))).toMatchObject({ weight: 0.25, completes: true });
    expectClose(read(updates), [1]);
  });
});

describe("fair aggregation", () => {
  const learningRate = 0.1;
  const losses = [2, 0.5, 4];
  const updates = [
    [0.2, -0.1],
    [0.05, 0.3],
    [-0.4, 0.1],
  ];

  function play(q: number): Float32Array {
    const made = aggregator({ name: "qfedavg", goal: 3, q, learningRate }, 2);
    for (const [k, update] of updates.entries()) {
      const from = { client: `${k}`, baseVersion: 0, samples: 1, loss: losses[k] ?? 0, norm: Math.hypot(...update) };
      made.offer(from, whole(update));
    }
    return read(made);
  }

  it("is the plain mean for q = 0", () => {
    expectClose(play(0), [-0.15 / 3, 0.3 / 3]);
  });

  it.each([0.5, 1, 2, 5])("is algorithm 2 of the paper, computed as it is written, for q = %d", (q) => {
    const lipschitz = 1 / learningRate;
    const deltaW = updates.map((update) => update.map((value) => -lipschitz * value));
    const deltas = deltaW.map((vector, k) => vector.map((value) => (losses[k] ?? 0) ** q * value));
    const h = deltaW.map((vector, k) => {
      const loss = losses[k] ?? 0;
      return q * loss ** (q - 1) * vector.reduce((sum, value) => sum + value ** 2, 0) + lipschitz * loss ** q;
    });
    const total = h.reduce((sum, value) => sum + value, 0);
    const expected = [0, 1].map((key) => -deltas.reduce((sum, vector) => sum + (vector[key] ?? 0), 0) / total);
    // Two roundings to float32.
    expectClose(play(q), expected, 1e-6);
  });

  it("needs loss and norm, and survives a client without any loss", () => {
    const made = aggregator({ name: "qfedavg", goal: 3, q: 0.5, learningRate });
    const from = { client: "a", baseVersion: 0, samples: 1 };
    expect(made.offer(from, whole([1]))).toMatchObject({ cause: "unusable" });
    expect(made.offer({ ...from, loss: NaN, norm: 1 }, whole([1]))).toMatchObject({ cause: "unusable" });
    expect(made.offer({ ...from, loss: 0, norm: 1 }, whole([1])).kind).toBe("fold");
    expect(Number.isFinite(read(made)[0])).toBe(true);
  });
});

describe("what clients claim", () => {
  const from = { client: "a", baseVersion: 0, samples: 1 };

  it("cannot make a loss count for more than the cap", () => {
    const policy = { name: "qfedavg", goal: 2, learningRate: 0.1, lossCap: 3 } as const;
    const weightFor = (loss: number) => aggregator(policy).offer({ ...from, loss, norm: 1 }, whole([1]));
    expect(weightFor(1e9)).toEqual(weightFor(3));
  });

  it("cannot make FedNova take more steps than there can be", () => {
    const made = aggregator({ name: "fednova", goal: 2, accumulationCap: 60 });
    for (const accumulation of [undefined, 0, NaN, 61, 1e9]) {
      expect(made.offer({ ...from, accumulation }, whole([1]))).toMatchObject({ cause: "unusable" });
    }
    expect(made.offer({ ...from, accumulation: 60 }, whole([3])).kind).toBe("fold");
    expectClose(read(made), [3]);
  });
});

describe("a policy from outside", () => {
  it("gets its defaults, and checking it twice changes nothing", () => {
    const given = [
      { name: "fedavg", goal: 3 },
      { name: "fednova", goal: 3, examples: "sqrt" },
      { name: "qfedavg", goal: 3, learningRate: 0.1 },
      { name: "fedbuff", buffer: 10 },
      { name: "fedasync" },
    ];
    for (const policy of given.map(parseAggregationPolicy)) {
      expect(parseAggregationPolicy(JSON.parse(JSON.stringify(policy)))).toEqual(policy);
    }
    expect(parseAggregationPolicy({ name: "fedbuff", buffer: 10 })).toEqual({
      name: "fedbuff",
      buffer: 10,
      staleness: { name: "polynomial", exponent: 0.5 },
      examples: "equal",
      sampleCap: 10_000,
      divideBy: "count",
      maximumStaleness: null,
    });
  });

  it.each([
    [null, "aggregation: expected an object with a name, found null"],
    [{ name: "fedsgd" }, "aggregation.name: expected one of fedavg, fednova"],
    [{ name: "fedavg" }, "aggregation.goal: expected an integer at least 1, found nothing"],
    [{ name: "fedavg", goal: 1.5 }, "aggregation.goal"],
    [{ name: "fedavg", goal: 1, buffer: 3 }, "aggregation.buffer: fedavg has no such option"],
    [{ name: "fedasync", mixing: 0 }, "aggregation.mixing: expected a number above 0 at most 1, found 0"],
    [{ name: "fedasync", mix: "gradients" }, "aggregation.mix"],
    [{ name: "fedbuff", buffer: 2, staleness: { name: "threshold", cutoff: 3 } }, "aggregation.staleness.value"],
    [{ name: "fedbuff", buffer: 2, examples: "cubic" }, "aggregation.examples: expected one of equal, linear"],
  ])("is refused with the field that is wrong: %j", (policy, sentence) => {
    expect(() => parseAggregationPolicy(policy)).toThrow(sentence);
  });
});
