/**
 * The face of the kernels: what every build (baseline, relaxed) offers, as plain functions on kernel memory.
 *
 * Every vector is float32 and is named by its **byte offset** in the kernel memory (a multiple of 16; see
 * `kernel-memory.ts`). Counts are in elements. Matrices are row-major. No kernel allocates, throws or checks its arguments:
 * the callers (compiled plans, shards) have laid their memory out once and for all.
 *
 * Invariants
 *   K1  Element-wise kernels (sections "vectors" and "optimiser updates") do the same arithmetic for each element
 *       wherever it stands in a vector and in every build: a vector may be split at any key without changing a bit.
 *   K2  Reductions and matrix products give the same bits for the same arguments, build and thread.
 */

/** Byte offset into kernel memory. */
export type Offset = number;

/** Element-wise activation functions that a dense layer can fuse. */
export type Activation = "identity" | "relu" | "tanh" | "sigmoid" | "gelu";

/** Which arithmetic the loaded build uses: `relaxed` has fused multiply-add in matrix products. */
export type KernelBuild = "baseline" | "relaxed";

export interface Kernels {
  readonly build: KernelBuild;

  // ---- matrix products -------------------------------------------------------------------------------------------
  /** C[m×n] = A[m×k]·B[k×n], or += with `accumulate`. Overwrites C. */
  matmul(a: Offset, b: Offset, c: Offset, m: number, k: number, n: number, accumulate: boolean): void;
  /** C[m×n] = A[m×k]·Bᵀ with B[n×k]: the forward pass of a dense layer whose weight is [outputs, inputs]. */
  matmulTransposeB(a: Offset, b: Offset, c: Offset, m: number, k: number, n: number, accumulate: boolean): void;
  /** C[m×n] = Aᵀ·B with A[k×m], B[k×n]: the weight gradient of a dense layer. */
  matmulTransposeA(a: Offset, b: Offset, c: Offset, m: number, k: number, n: number, accumulate: boolean): void;

  // ---- layers ----------------------------------------------------------------------------------------------------
  /** y[rows×columns] = activation(y + bias[columns]), in place. */
  addBiasActivate(y: Offset, bias: Offset, rows: number, columns: number, activation: Activation): void;
  /** y = activation(x), element-wise; x and y may be the same. */
  activate(x: Offset, y: Offset, count: number, activation: Activation): void;
  /**
   * dx = dy ⊙ activation'(…), element-wise; dy and dx may be the same. `y` is the activation's output; for `gelu` it is
   * its input, because gelu's derivative is not a function of its output.
   */
  activateGradient(y: Offset, dy: Offset, dx: Offset, count: number, activation: Activation): void;
  /** out[columns] = Σ over rows of x[rows×columns]: the bias gradient. */
  sumRows(x: Offset, out: Offset, rows: number, columns: number): void;

  // ---- losses: each writes the gradient of the MEAN loss over rows (or elements) and returns the mean loss ---------
  /**
   * Softmax cross-entropy of logits[rows×classes] against int32 labels[rows]; stable for logits of ±200. With
   * `smoothing` ε the target is (1−ε)·onehot + ε/classes (PyTorch's `label_smoothing`). gradient may equal logits.
   */
  softmaxCrossEntropy(
    logits: Offset,
    labels: Offset,
    gradient: Offset,
    rows: number,
    classes: number,
    smoothing: number,
  ): number;
  /** Binary cross-entropy with logits against float32 targets in [0, 1], mean over `count` elements. */
  binaryCrossEntropy(logits: Offset, targets: Offset, gradient: Offset, count: number): number;
  /** Mean squared error over `count` elements. */
  meanSquaredError(predictions: Offset, targets: Offset, gradient: Offset, count: number): number;
  /** Huber loss with threshold `delta`, mean over `count` elements. */
  huber(predictions: Offset, targets: Offset, gradient: Offset, count: number, delta: number): number;
  /**
   * Knowledge distillation: T²·KL(teacher ‖ student) between the softmaxes of both logits[rows×classes] at
   * `temperature` T, summed over classes, mean over rows (PyTorch: `kl_div(…, reduction="batchmean") * T ** 2`).
   * gradient, by the student's logits, may equal logits.
   */
  distillation(
    logits: Offset,
    teacherLogits: Offset,
    gradient: Offset,
    rows: number,
    classes: number,
    temperature: number,
  ): number;
  /** Softmax of x[rows×columns] along rows, into y (may equal x). */
  softmax(x: Offset, y: Offset, rows: number, columns: number): void;
  /** Writes the index of each row's greatest element to int32 out[rows]; the first of equals. */
  argmaxRows(x: Offset, out: Offset, rows: number, columns: number): void;

  // ---- vectors ---------------------------------------------------------------------------------------------------
  fill(x: Offset, count: number, value: number): void;
  /** y = x (memory.copy). */
  copy(x: Offset, y: Offset, count: number): void;
  /** x = scale · x. */
  scale(x: Offset, count: number, scale: number): void;
  /** y = y + scale · x, rounded after the product and after the sum (K1). */
  axpy(x: Offset, y: Offset, count: number, scale: number): void;
  /** y = scale · x. */
  scaleInto(x: Offset, y: Offset, count: number, scale: number): void;
  /** out[count] = scale · (x − shift) for bytes x: pixels to inputs. */
  bytesToFloats(x: Offset, out: Offset, count: number, scale: number, shift: number): void;

  // ---- reductions ------------------------------------------------------------------------------------------------
  sum(x: Offset, count: number): number;
  dot(x: Offset, y: Offset, count: number): number;
  /** Σ x², accumulated in float64 across blocks so that long gradients do not lose digits. */
  squaredNorm(x: Offset, count: number): number;
  maxAbs(x: Offset, count: number): number;
  /** True when no element is NaN or infinite. */
  allFinite(x: Offset, count: number): boolean;

  // ---- optimiser updates: one pass over values w, gradient g and slots; formulas and options as in PyTorch ----------
  /** weightDecay is L2 (added to g); g is not modified. `first`: the momentum buffer is set to g instead of decayed. */
  sgd(w: Offset, g: Offset, count: number, learningRate: number, weightDecay: number): void;
  sgdMomentum(
    w: Offset,
    g: Offset,
    velocity: Offset,
    count: number,
    learningRate: number,
    momentum: number,
    dampening: number,
    weightDecay: number,
    nesterov: boolean,
    first: boolean,
  ): void;
  /** Adam and AdamW (`decoupled`); `maxSecond` 0 means no AMSGrad. `step` counts from 1. Flushes denormal moments. */
  adam(
    w: Offset,
    g: Offset,
    first: Offset,
    second: Offset,
    maxSecond: Offset,
    count: number,
    step: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    weightDecay: number,
    decoupled: boolean,
  ): void;
  adagrad(
    w: Offset,
    g: Offset,
    accumulator: Offset,
    count: number,
    learningRate: number,
    epsilon: number,
    weightDecay: number,
  ): void;
  /** `mean` 0: not centred; `velocity` 0: no momentum. */
  rmsprop(
    w: Offset,
    g: Offset,
    square: Offset,
    mean: Offset,
    velocity: Offset,
    count: number,
    learningRate: number,
    alpha: number,
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
    epsilon: number,
    weightDecay: number,
  ): void;
}
