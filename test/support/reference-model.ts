/** Models and losses in plain float64: the second implementation that compiled plans are compared with. */
import type { ActivationLayer, DenseLayer, LossSpec, ModelSpec } from "@shoal/models";
import type { Activation } from "@shoal/kernels-wasm";

export interface ReferenceBatch {
  readonly rows: number;
  /** [rows, inputs] */
  readonly inputs: Float64Array;
  /** [rows] */
  readonly labels: Int32Array;
  /** [rows, outputs] */
  readonly targets: Float64Array;
}

export function applyActivation(name: Activation, x: number): number {
  switch (name) {
    case "identity":
      return x;
    case "relu":
      return Math.max(0, x);
    case "tanh":
      return Math.tanh(x);
    case "sigmoid":
      return 1 / (1 + Math.exp(-x));
    case "gelu":
      return geluOf(x);
    case "leaky_relu":
      return x > 0 ? x : 0.01 * x;
    case "gelu_tanh":
      return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
    case "silu":
      return x / (1 + Math.exp(-x));
    case "softplus":
      return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  }
}

/** x·Φ(x), the exact form, as PyTorch's default. */
function geluOf(x: number): number {
  return 0.5 * x * (1 + errorFunction(x / Math.SQRT2));
}

/** 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!: all terms have one sign, so nothing cancels. */
function errorFunction(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** A chain of dense layers and activations with one input of so many numbers and one loss. */
export interface ReferenceModel extends ModelSpec {
  readonly inputs: number;
  readonly layers: readonly (DenseLayer | ActivationLayer)[];
  readonly loss: LossSpec;
}

function outputsFor(spec: ReferenceModel, parameters: Float64Array, inputs: Float64Array): Float64Array {
  let x = inputs;
  let offset = 0;
  for (const layer of spec.layers) {
    if (layer.type === "activation") {
      x = x.map((value) => applyActivation(layer.function, value));
      continue;
    }
    const { outputs, bias = true, activation = "identity" } = layer;
    const [weight, biasAt, width] = [offset, offset + outputs * x.length, x.length];
    const from = x;
    x = Float64Array.from({ length: outputs }, (_, output) => {
      let sum = bias ? (parameters[biasAt + output] ?? 0) : 0;
      for (let k = 0; k < width; k += 1) sum += (parameters[weight + output * width + k] ?? 0) * (from[k] ?? 0);
      return applyActivation(activation, sum);
    });
    offset = biasAt + (bias ? outputs : 0);
  }
  return x;
}

/** Loss of one row. */
export function meanLoss(loss: LossSpec, outputs: Float64Array, label: number, targets: Float64Array): number {
  switch (loss.type) {
    case "softmax_cross_entropy": {
      const greatest = Math.max(...outputs);
      const logSum = greatest + Math.log(outputs.reduce((sum, x) => sum + Math.exp(x - greatest), 0));
      const smoothing = loss.smoothing ?? 0;
      const mean = outputs.reduce((sum, x) => sum + (logSum - x), 0) / outputs.length;
      return (1 - smoothing) * (logSum - (outputs[label] ?? 0)) + smoothing * mean;
    }
    case "binary_cross_entropy":
      return meanOf(outputs, targets, (x, t) => Math.max(x, 0) - x * t + Math.log1p(Math.exp(-Math.abs(x))));
    case "mean_squared_error":
      return meanOf(outputs, targets, (x, t) => (x - t) ** 2);
    case "distillation":
      throw new Error("the reference has no teacher");
    case "huber": {
      const delta = loss.delta ?? 1;
      return meanOf(outputs, targets, (x, t) => {
        const distance = Math.abs(x - t);
        return distance <= delta ? 0.5 * distance ** 2 : delta * (distance - 0.5 * delta);
      });
    }
  }
}

function meanOf(outputs: Float64Array, targets: Float64Array, term: (x: number, t: number) => number): number {
  return outputs.reduce((sum, x, index) => sum + term(x, targets[index] ?? 0), 0) / outputs.length;
}

/** Mean loss over the rows of a batch. */
export function referenceLoss(spec: ReferenceModel, parameters: Float64Array, batch: ReferenceBatch): number {
  let sum = 0;
  for (let row = 0; row < batch.rows; row += 1) {
    const inputs = batch.inputs.subarray(row * spec.inputs, (row + 1) * spec.inputs);
    const outputs = outputsFor(spec, parameters, inputs);
    const targets = batch.targets.subarray(row * outputs.length, (row + 1) * outputs.length);
    sum += meanLoss(spec.loss, outputs, batch.labels[row] ?? 0, targets);
  }
  return sum / batch.rows;
}
