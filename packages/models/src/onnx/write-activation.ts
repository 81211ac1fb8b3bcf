/** Activation functions as ONNX operators; those that opset 17 lacks are written out. */
import type { Activation } from "@shoal/kernels-wasm";
import type { NodeList } from "./node-list.ts";

const leakySlope = 0.01;

/** @returns the name of activation(x) */
export function writeActivation(list: NodeList, x: string, activation: Activation | undefined): string {
  switch (activation) {
    case undefined:
    case "identity":
      return x;
    case "relu":
      return list.add("Relu", [x]);
    case "leaky_relu":
      return list.add("LeakyRelu", [x], { alpha: { float: leakySlope } });
    case "tanh":
      return list.add("Tanh", [x]);
    case "sigmoid":
      return list.add("Sigmoid", [x]);
    case "softplus":
      return list.add("Softplus", [x]);
    case "silu":
      return list.add("Mul", [x, list.add("Sigmoid", [x])]);
    case "gelu":
      return gate(list, x, list.add("Erf", [times(list, x, Math.SQRT1_2)]));
    case "gelu_tanh":
      return gate(list, x, list.add("Tanh", [times(list, bent(list, x), Math.sqrt(2 / Math.PI))]));
  }
}

function times(list: NodeList, x: string, factor: number): string {
  return list.add("Mul", [x, list.floats([factor], [])]);
}

/** x · (1 + gate) / 2 */
function gate(list: NodeList, x: string, opening: string): string {
  return list.add("Mul", [times(list, x, 0.5), list.add("Add", [opening, list.floats([1], [])])]);
}

/** x + 0.044715 x³ */
function bent(list: NodeList, x: string): string {
  const cube = list.add("Mul", [x, list.add("Mul", [x, x])]);
  return list.add("Add", [x, times(list, cube, 0.044715)]);
}
