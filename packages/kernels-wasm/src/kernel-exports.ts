/** What a kernel binary exports: the functions of `assembly/index.ts`, in WebAssembly's own types. */
import type { Kernels, Offset } from "./kernels.ts";

/** The kernels whose face is the export itself: numbers in, a number or nothing out. */
export type DirectKernel =
  | "sumRows"
  | "softmaxCrossEntropy"
  | "distillation"
  | "binaryCrossEntropy"
  | "meanSquaredError"
  | "huber"
  | "softmax"
  | "argmaxRows"
  | "fill"
  | "copy"
  | "scale"
  | "axpy"
  | "scaleInto"
  | "bytesToFloats"
  | "sum"
  | "dot"
  | "squaredNorm"
  | "maxAbs"
  | "sgd"
  | "adagrad";

type Product = (a: Offset, b: Offset, c: Offset, m: number, k: number, n: number, accumulate: number) => void;

/** Booleans are 0 and 1, activations their codes, and what is derived from an option (1 − β) is handed in. */
export interface KernelExports extends Pick<Kernels, DirectKernel> {
  scratchBytes(): number;
  setScratch(offset: Offset): void;
  readonly matmul: Product;
  readonly matmulTransposeA: Product;
  readonly matmulTransposeB: Product;
  addBiasActivate(y: Offset, bias: Offset, rows: number, columns: number, activation: number): void;
  activate(x: Offset, y: Offset, count: number, activation: number): void;
  activateGradient(y: Offset, dy: Offset, dx: Offset, count: number, activation: number): void;
  allFinite(x: Offset, count: number): number;
  sgdMomentum(
    w: Offset,
    g: Offset,
    velocity: Offset,
    count: number,
    learningRate: number,
    momentum: number,
    undamped: number,
    weightDecay: number,
    nesterov: number,
    first: number,
  ): void;
  adam(
    w: Offset,
    g: Offset,
    first: Offset,
    second: Offset,
    maximum: Offset,
    count: number,
    beta1: number,
    rest1: number,
    beta2: number,
    rest2: number,
    stepSize: number,
    correction: number,
    epsilon: number,
    shrink: number,
    decay: number,
    leastFirst: number,
    leastSecond: number,
  ): void;
  rmsprop(
    w: Offset,
    g: Offset,
    square: Offset,
    mean: Offset,
    velocity: Offset,
    count: number,
    learningRate: number,
    alpha: number,
    rest: number,
    epsilon: number,
    momentum: number,
    weightDecay: number,
  ): void;
  adadelta(
    w: Offset,
    g: Offset,
    square: Offset,
    delta: Offset,
    count: number,
    learningRate: number,
    rho: number,
    rest: number,
    epsilon: number,
    weightDecay: number,
  ): void;
}
