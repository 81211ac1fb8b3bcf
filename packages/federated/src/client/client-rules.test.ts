/**
 * Three quadratics Fₖ(x) = aₖ/2·(x − bₖ)² whose clients take different numbers of steps: the smallest problem that tells
 * federated averaging, FedProx, FedNova and SCAFFOLD apart by where they end.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { takeFederatedRow } from "../../../../test/support/federated-rows.ts";
import { parseAggregationPolicy } from "../aggregation/aggregation-policy.ts";
import { createAggregator, type Aggregator } from "../aggregation/aggregator.ts";
import { localAccumulation } from "./local-accumulation.ts";
import { addProximalTerm } from "./proximal.ts";
import { correctGradient, moveControl, renewControl, replaceControl } from "./scaffold.ts";

const slopes = takeFederatedRow<number[]>("quadratic/a");
const minima = takeFederatedRow<number[]>("quadratic/b");
const samples = takeFederatedRow<number[]>("quadratic/n");
const localSteps = takeFederatedRow<number[]>("quadratic/local_steps");
const rate = takeFederatedRow<number>("quadratic/lr");
const start = takeFederatedRow<number>("quadratic/x0");

/** The value and what is made of it are float32; the maps contract, so the error stays at a few roundings. */
const tolerance = 2e-6;

function expectClose(found: readonly number[], expected: readonly number[]): void {
  for (const [round, value] of expected.entries())
    expect(Math.abs((found[round] ?? NaN) - value)).toBeLessThan(tolerance);
}

const gradientOf = (client: number, y: number): number => (slopes[client] ?? NaN) * (y - (minima[client] ?? NaN));

/** Takes a client's steps. @returns its update */
type Pass = (
  client: number,
  x: number,
  learningRate: number,
) => { readonly delta: number; readonly accumulation?: number };

function playRounds(aggregator: Aggregator, pass: Pass, rounds: number, learningRate: number = rate): number[] {
  let x = start;
  return Array.from({ length: rounds }, (_, round) => {
    aggregator.advance(round);
    for (const client of slopes.keys()) {
      const { delta, accumulation } = pass(client, x, learningRate);
      const from = { client: `${client}`, baseVersion: round, samples: samples[client] ?? 0, accumulation };
      aggregator.offer(from, [{ begin: 0, values: Float32Array.of(delta) }]);
    }
    const update = new Float32Array(1);
    aggregator.read(0, update);
    x += update[0] ?? NaN;
    return x;
  });
}

const averaging = (name: "fedavg" | "fednova"): Aggregator =>
  createAggregator(parseAggregationPolicy({ name, goal: 3 }), 1);

const plainPass: Pass = (client, x, learningRate) => {
  let y = x;
  for (let step = 0; step < (localSteps[client] ?? 0); step += 1) y -= learningRate * gradientOf(client, y);
  return { delta: y - x, accumulation: localAccumulation({ steps: localSteps[client] ?? 0 }) };
};

const proximalPass =
  (mu: number): Pass =>
  (client, x, learningRate) => {
    const [y, received] = [Float32Array.of(x), Float32Array.of(x)];
    for (let step = 0; step < (localSteps[client] ?? 0); step += 1) {
      const gradient = Float32Array.of(gradientOf(client, y[0] ?? NaN));
      addProximalTerm(gradient, y, received, mu);
      y[0] = (y[0] ?? NaN) - learningRate * (gradient[0] ?? NaN);
    }
    return { delta: (y[0] ?? NaN) - x };
  };

describe("where clients end who take different numbers of steps", () => {
  it("federated averaging: where its closed form says, which is not the minimum", () => {
    const seen = playRounds(averaging("fedavg"), plainPass, 500);
    expectClose(seen, takeFederatedRow<number[]>("quadratic/fedavg_5"));
    expectClose([seen[499] ?? NaN], [takeFederatedRow<number>("quadratic/fedavg_500_last")]);
  });

  it("FedProx: nearer to the minimum", () => {
    const seen = playRounds(averaging("fedavg"), proximalPass(1), 500);
    expectClose(seen, takeFederatedRow<number[]>("quadratic/fedprox_mu1_5"));
    expectClose([seen[499] ?? NaN], [takeFederatedRow<number>("quadratic/fedprox_mu1_500_last")]);
  });

  it("FedNova: at the minimum, up to the learning rate", () => {
    const seen = playRounds(averaging("fednova"), plainPass, 500);
    expectClose(seen, takeFederatedRow<number[]>("quadratic/fednova_5"));
    expectClose([seen[499] ?? NaN], [takeFederatedRow<number>("quadratic/fednova_500_last")]);
  });

  it("with smaller rates FedNova comes to the minimum, federated averaging to its own limit", () => {
    const rows = takeFederatedRow<Record<string, { fedavg: number; fednova: number }>>("quadratic/fixed_points_vs_lr");
    const last = (name: "fedavg" | "fednova", learningRate: number): number =>
      playRounds(averaging(name), plainPass, Math.ceil(6 / learningRate), learningRate).at(-1) ?? NaN;
    for (const [learningRate, { fedavg, fednova }] of Object.entries(rows)) {
      expectClose([last("fedavg", Number(learningRate)), last("fednova", Number(learningRate))], [fedavg, fednova]);
    }
    const limit = takeFederatedRow<number>("quadratic/fedavg_limit_lr_to_0");
    const minimum = takeFederatedRow<number>("quadratic/minimiser_weighted");
    // A rate of 1e-4 is still off its limit by about as much.
    expect(Math.abs(last("fedavg", 1e-4) - limit)).toBeLessThan(3e-4);
    expect(Math.abs(last("fednova", 1e-4) - minimum)).toBeLessThan(4e-4);
  });
});

describe("FedProx", () => {
  it("leaves the gradient's bits alone for μ = 0, even where values have run away", () => {
    const numbers = fc.array(fc.float(), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(numbers, (values) => {
        const gradient = Float32Array.from(values);
        addProximalTerm(gradient, gradient.map(Math.sqrt), new Float32Array(values.length), 0);
        expect(gradient).toEqual(Float32Array.from(values));
      }),
    );
  });

  it("refuses a μ below zero and vectors of other sizes", () => {
    const one = new Float32Array(1);
    expect(() => addProximalTerm(one, one, one, -1)).toThrow(RangeError);
    expect(() => addProximalTerm(one, one, new Float32Array(2), 1)).toThrow(/received has 2 keys, expected 1/);
  });
});

interface ScaffoldRow {
  readonly x: readonly number[];
  readonly c: number;
  readonly c_i: readonly number[];
}

function playScaffold(option: "I" | "II", rounds: number) {
  const [global, own] = [new Float32Array(1), slopes.map(() => new Float32Array(1))];
  const equal = (): Aggregator =>
    createAggregator(parseAggregationPolicy({ name: "fedavg", goal: 3, examples: "equal" }), 1);
  const changes = equal();
  const pass: Pass = (client, x) => {
    const control = own[client] ?? new Float32Array(1);
    const steps = localSteps[client] ?? 0;
    const y = Float32Array.of(x);
    for (let step = 0; step < steps; step += 1) {
      const gradient = Float32Array.of(gradientOf(client, y[0] ?? NaN));
      correctGradient(gradient, control, global);
      y[0] = (y[0] ?? NaN) - rate * (gradient[0] ?? NaN);
    }
    const received = Float32Array.of(x);
    const change =
      option === "II"
        ? renewControl(control, global, { received, trained: y, steps, learningRate: rate })
        : replaceControl(control, Float32Array.of(gradientOf(client, x)));
    changes.offer({ client: `${client}`, baseVersion: changes.version, samples: 1 }, [{ begin: 0, values: change }]);
    if (changes.complete) {
      const mean = new Float32Array(1);
      changes.read(0, mean);
      changes.advance(changes.version + 1);
      moveAfter = mean;
    }
    return { delta: (y[0] ?? NaN) - x };
  };
  let moveAfter: Float32Array | undefined;
  const x: number[] = [];
  const aggregator = equal();
  let value = start;
  for (let round = 0; round < rounds; round += 1) {
    aggregator.advance(round);
    for (const client of slopes.keys()) {
      const { delta } = pass(client, value, rate);
      aggregator.offer({ client: `${client}`, baseVersion: round, samples: 1 }, [
        { begin: 0, values: Float32Array.of(delta) },
      ]);
    }
    const update = new Float32Array(1);
    aggregator.read(0, update);
    value += update[0] ?? NaN;
    if (moveAfter !== undefined) moveControl(global, moveAfter, 3, 3);
    x.push(value);
  }
  return { x, c: global[0] ?? NaN, controls: own.map(([control]) => control ?? NaN) };
}

describe("SCAFFOLD", () => {
  it.each([
    [
      "I",
      takeFederatedRow<ScaffoldRow>("quadratic/scaffold_optI_5"),
      takeFederatedRow<number>("quadratic/scaffold_optI_500_last"),
    ],
    [
      "II",
      takeFederatedRow<ScaffoldRow>("quadratic/scaffold_optII_uniform_5"),
      takeFederatedRow<number>("quadratic/scaffold_optII_500_last"),
    ],
  ] as const)("with option %s follows its rounds, and ends in the minimum", (option, row, last) => {
    const played = playScaffold(option, 5);
    expectClose(played.x, row.x);
    expectClose([played.c, ...played.controls], [row.c, ...row.c_i]);
    const end = playScaffold(option, 500).x[499] ?? NaN;
    expectClose([end, end], [last, takeFederatedRow<number>("quadratic/minimiser_uniform")]);
  });

  it("takes the published step of a linear model, whose renewed control differs in its sign", () => {
    const row = takeFederatedRow<LinearRow>("published SCAFFOLD/pfl-research");
    const w = Float32Array.from(row.w);
    const size = w.length;
    for (const [level, expected] of [
      [
        0,
        {
          ...row.withoutControl,
          controlOptionI: row.withoutControl.control,
          controlOptionII: row.withoutControl.control,
        },
      ],
      [row.withControl.global, row.withControl],
    ] as const) {
      const [global, own, y] = [new Float32Array(size).fill(level), new Float32Array(size), w.slice()];
      expect(absoluteError(w, row).loss).toBeCloseTo(row.loss, 6);
      const plain = absoluteError(w, row).gradient;
      const gradient = plain.slice();
      correctGradient(gradient, own, global);
      for (const [key, slope] of gradient.entries()) y[key] = (y[key] ?? NaN) - row.learningRate * slope;
      expectClose(
        [...y].map((value, key) => value - (w[key] ?? NaN)),
        expected.delta,
      );
      expect(absoluteError(y, row).loss).toBeCloseTo(expected.loss, 5);
      // Theirs is the control of −gradient: the option I control is ours with the other sign.
      const optionI = own.slice();
      replaceControl(optionI, plain);
      expectClose(
        [...optionI],
        expected.controlOptionI.map((value) => -value),
      );
      // After one step both options are the gradient at x, as the paper's formulas say; theirs subtracts a control whose
      // sign it has not turned, and is off by twice that.
      renewControl(own, global, { received: w, trained: y, steps: 1, learningRate: row.learningRate });
      expectClose(
        [...own],
        expected.controlOptionII.map((value) => -value - 2 * level),
      );
    }
  });

  it("refuses a pass without steps, and a population smaller than the sample", () => {
    const one = new Float32Array(1);
    const pass = { received: one, trained: one, steps: 0, learningRate: 1 };
    expect(() => renewControl(one, one, pass)).toThrow(RangeError);
    expect(() => moveControl(one, one, 3, 2)).toThrow(RangeError);
  });
});

interface LinearRow {
  readonly w: readonly number[];
  readonly inputs: readonly (readonly number[])[];
  readonly targets: readonly (readonly number[])[];
  readonly learningRate: number;
  readonly loss: number;
  readonly withoutControl: { readonly delta: number[]; readonly control: number[]; readonly loss: number };
  readonly withControl: {
    readonly global: number;
    readonly delta: number[];
    readonly controlOptionI: number[];
    readonly controlOptionII: number[];
    readonly loss: number;
  };
}

/** Σ |target − input·w| over the outputs, mean over the rows; w is [inputs × outputs], row by row. */
function absoluteError(w: Float32Array, { inputs, targets }: LinearRow) {
  const gradient = new Float32Array(w.length);
  let loss = 0;
  for (const [row, input] of inputs.entries()) {
    for (const [output, target] of (targets[row] ?? []).entries()) {
      const found = input.reduce((sum, value, at) => sum + value * (w[at * 2 + output] ?? NaN), 0);
      loss += Math.abs(target - found) / inputs.length;
      const sign = Math.sign(found - target) / inputs.length;
      for (const [at, value] of input.entries())
        gradient[at * 2 + output] = (gradient[at * 2 + output] ?? 0) + sign * value;
    }
  }
  return { loss, gradient };
}

describe("what local steps add up to", () => {
  it("is the closed form of each kind of step", () => {
    const steps = fc.record({
      steps: fc.integer({ min: 1, max: 40 }),
      share: fc.double({ min: 1e-3, max: 0.95, noNaN: true }),
    });
    fc.assert(
      fc.property(steps, ({ steps, share }) => {
        const power = share ** steps;
        const momentum = (steps - (share * (1 - power)) / (1 - share)) / (1 - share);
        const proximal = (1 - (1 - share) ** steps) / share;
        // The closed forms lose up to five of 16 digits for shares of 1e-3.
        expect(Math.abs(localAccumulation({ steps, momentum: share }) / momentum - 1)).toBeLessThan(1e-10);
        expect(Math.abs(localAccumulation({ steps, proximal: share }) / proximal - 1)).toBeLessThan(1e-10);
        expect(localAccumulation({ steps })).toBe(steps);
        expect(localAccumulation({ steps, proximal: Number.MIN_VALUE })).toBe(steps);
      }),
    );
  });

  it.each([
    [{ steps: 0 }],
    [{ steps: 2, momentum: 1 }],
    [{ steps: 2, proximal: -1 }],
    [{ steps: 2, momentum: 0.1, proximal: 0.1 }],
  ])("refuses %j", (steps) => {
    expect(() => localAccumulation(steps)).toThrow(RangeError);
  });
});
