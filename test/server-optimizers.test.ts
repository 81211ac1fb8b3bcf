/** The aggregate of a round is a gradient to the shards' optimiser: what comes out is what the papers say. */
import { createAggregator, parseAggregationPolicy, type AggregationPolicy } from "@shoal/federated";
import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import { baseLearningRateOf, createOptimizer, type OptimizerSpec } from "@shoal/optimization";
import { expect, it } from "vitest";
import { takeFederatedRow } from "./support/federated-rows.ts";

const memory = createKernelMemory();
const kernels = instantiateKernels(await loadKernelModules(), memory);

interface Server {
  /** The one value. */
  readonly value: () => number;
  /** Gives the mean of these updates to the optimiser. */
  commit(updates: readonly number[]): void;
}

function serve(optimizer: OptimizerSpec, policy: AggregationPolicy, start: number): Server {
  const [w, g] = [memory.allocate(4).byteOffset, memory.allocate(4).byteOffset];
  memory.floats(w, 1).fill(start);
  const steps = createOptimizer(optimizer, { size: 1, kernels, memory });
  const aggregator = createAggregator(parseAggregationPolicy(policy), 1);
  return {
    value: () => memory.floats(w, 1)[0] ?? NaN,
    commit(updates) {
      for (const [k, update] of updates.entries()) {
        const from = { client: `${k}`, baseVersion: aggregator.version, samples: samples[k] ?? 1 };
        aggregator.offer(from, [{ begin: 0, values: Float32Array.of(update) }]);
      }
      aggregator.read(0, memory.floats(g, 1), -1);
      steps.step(w, g, baseLearningRateOf(optimizer));
      aggregator.advance(aggregator.version + 1);
    },
  };
}

const samples = takeFederatedRow<number[]>("quadratic/n");
const [slopes, minima] = [takeFederatedRow<number[]>("quadratic/a"), takeFederatedRow<number[]>("quadratic/b")];
const localSteps = takeFederatedRow<number[]>("quadratic/local_steps");
const rate = takeFederatedRow<number>("quadratic/lr");

/** What the clients of the three quadratics send from x. */
function updatesFrom(x: number): number[] {
  return slopes.map((slope, k) => {
    let y = x;
    for (let step = 0; step < (localSteps[k] ?? 0); step += 1) y -= rate * slope * (y - (minima[k] ?? NaN));
    return y - x;
  });
}

it("with plain descent and learning rate 1 the values follow federated averaging", () => {
  const server = serve({ name: "sgd", learningRate: 1 }, { name: "fedavg", goal: 3 }, 1);
  for (const expected of takeFederatedRow<number[]>("quadratic/fedavg_5")) {
    server.commit(updatesFrom(server.value()));
    // A rounding to float32 in each round.
    expect(Math.abs(server.value() - expected)).toBeLessThan(1e-6);
  }
});

it.each([
  { name: "fedavgm", learningRate: 0.3 },
  { name: "fedadagrad", learningRate: 0.3 },
  { name: "fedadam", learningRate: 0.03 },
  { name: "fedyogi", learningRate: 0.03 },
] as const)("$name ends where the mean of the updates is nothing, as federated averaging does", (optimizer) => {
  const server = serve(optimizer, { name: "fedavg", goal: 3 }, 1);
  for (let round = 0; round < 2000; round += 1) server.commit(updatesFrom(server.value()));
  // Adaptive steps of a constant rate circle the end at a distance of about the rate.
  const distance = Math.abs(server.value() - takeFederatedRow<number>("quadratic/fedavg_500_last"));
  expect(distance).toBeLessThan(0.01);
});
