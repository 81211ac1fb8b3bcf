/** Matrix products: the shapes of a layer's three products, beside the multiply-add peak and the peers. */
import { encodeOperator } from "../peers/onnx-model.ts";
import type { Onnx } from "../peers/onnx.ts";
import type { TensorFlow } from "../peers/tensorflow.ts";
import { atLeast, type Contest, type KernelCase, type Rival, type Stage } from "./case.ts";
import { createPeak, peakFlops } from "./peak.ts";
import type { Vector } from "./site.ts";

type Form = "matmul" | "matmulTransposeA" | "matmulTransposeB";

interface Shape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** Least share of the peak. */
  readonly ofPeak?: number;
}

const forward: readonly Shape[] = [
  { m: 256, k: 256, n: 256, ofPeak: 0.93 },
  { m: 1024, k: 1024, n: 1024, ofPeak: 0.93 },
  { m: 64, k: 784, n: 128, ofPeak: 0.9 },
  { m: 64, k: 784, n: 256 },
  { m: 64, k: 128, n: 10 },
  { m: 128, k: 1152, n: 256, ofPeak: 0.93 },
  { m: 1, k: 784, n: 256 },
  { m: 1, k: 1024, n: 1024 },
];

const transposed: readonly Shape[] = [
  { m: 256, k: 256, n: 256, ofPeak: 0.93 },
  { m: 1024, k: 1024, n: 1024, ofPeak: 0.93 },
  { m: 64, k: 784, n: 256 },
  { m: 256, k: 64, n: 784 },
  { m: 64, k: 128, n: 10 },
  { m: 16, k: 784, n: 256 },
  { m: 1, k: 784, n: 256 },
  { m: 1, k: 1024, n: 1024 },
];

export const productCases: readonly KernelCase[] = [
  ...forward.map((shape) => productCase("matmul", shape)),
  ...transposed.map((shape) => productCase("matmulTransposeB", shape)),
  ...transposed.filter(({ m }) => m > 1).map((shape) => productCase("matmulTransposeA", shape)),
  ...forward.map((shape) => deterministicCase(shape)),
];

function productCase(form: Form, shape: Shape): KernelCase {
  const { m, k, n } = shape;
  return { name: `${form} ${m}×${k}×${n}`, create: (stage) => createContest(stage, form, shape) };
}

/** The baseline build beside the peak of what it may use: a product and a sum, each rounded. */
function deterministicCase({ m, k, n }: Shape): KernelCase {
  return {
    name: `deterministic matmul ${m}×${k}×${n}`,
    create({ site }) {
      const [a, b, c] = [site.floats(m * k).at, site.floats(k * n).at, site.bytes(m * n * 4)];
      return {
        ...{ unit: "GFLOP/s", amount: 2 * m * k * n },
        kernel: () => site.baseline.matmul(a, b, c, m, k, n, false),
        rivals: [{ kind: "limit", name: "multiply, then add peak", work: createPeak("baseline"), amount: peakFlops }],
      };
    },
  };
}

async function createContest({ site, peers }: Stage, form: Form, shape: Shape): Promise<Contest> {
  const { m, k, n } = shape;
  const [a, b] = [site.floats(m * k), site.floats(k * n)];
  const c = site.bytes(m * n * 4);
  const multiply = site.kernels[form];
  const peak: Rival = {
    ...{ kind: "limit", name: "multiply-add peak", work: createPeak(site.kernels.build), amount: peakFlops },
    ...(shape.ofPeak === undefined ? {} : { aim: atLeast(shape.ofPeak) }),
  };
  const tensorFlow = peers.kind === "ready" ? tensorFlowRival(peers.tensorFlow, form, shape, [a, b]) : undefined;
  const onnx = peers.kind === "ready" && form === "matmul" ? await onnxRival(peers.onnx, shape, [a, b]) : undefined;
  return {
    unit: "GFLOP/s",
    amount: 2 * m * k * n,
    kernel: () => multiply(a.at, b.at, c, m, k, n, false),
    rivals: [
      peak,
      ...(tensorFlow === undefined ? [] : [tensorFlow.rival]),
      ...(onnx === undefined ? [] : [onnx.rival]),
      ...(2 * m * k * n > 2 ** 26 ? [] : [plainLoop(form, shape, [a, b])]),
    ],
    ...(m === 1 ? { bestPeer: atLeast(1) } : {}),
    release: async () => {
      await tensorFlow?.release();
      await onnx?.release();
    },
  };
}

interface Held {
  readonly rival: Rival;
  readonly release: () => void | Promise<void>;
}

function tensorFlowRival(
  tensorFlow: TensorFlow,
  form: Form,
  { m, k, n }: Shape,
  [a, b]: readonly [Vector, Vector],
): Held {
  const [transposeA, transposeB] = [form === "matmulTransposeA", form === "matmulTransposeB"];
  const left = tensorFlow.tensor(a.values, transposeA ? [k, m] : [m, k]);
  const right = tensorFlow.tensor(b.values, transposeB ? [n, k] : [k, n]);
  return {
    rival: {
      kind: "peer",
      name: "tfjs",
      work: () => tensorFlow.matMul(left, right, transposeA, transposeB).dispose(),
      ...(m === 1 ? {} : { aim: atLeast(1.3) }),
    },
    release: () => {
      left.dispose();
      right.dispose();
    },
  };
}

async function onnxRival(onnx: Onnx, { m, k, n }: Shape, [a, b]: readonly [Vector, Vector]): Promise<Held> {
  const model = encodeOperator({
    operator: "MatMul",
    input: { name: "a", shape: [m, k] },
    constants: [{ name: "b", shape: [k, n], values: b.values }],
    output: { name: "c", shape: [m, n] },
  });
  const session = await onnx.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const inputs = { a: new onnx.Tensor("float32", a.values, [m, k]) };
  return {
    rival: {
      kind: "peer",
      name: "onnxruntime",
      work: async () => void (await session.run(inputs)),
      ...(m === 1 ? {} : { aim: atLeast(1.6) }),
    },
    release: () => session.release(),
  };
}

/** Rows of B in the inner loop where B is not transposed, so that the loop reads what lies side by side. */
function plainLoop(form: Form, { m, k, n }: Shape, [a, b]: readonly [Vector, Vector]): Rival {
  const [left, right, result] = [a.values, b.values, new Float32Array(m * n)];
  const [stepRow, stepDepth] = form === "matmulTransposeA" ? [1, m] : [k, 1];
  const inRows = (): void => {
    result.fill(0);
    for (let row = 0; row < m; row++) {
      for (let depth = 0; depth < k; depth++) {
        const factor = left[row * stepRow + depth * stepDepth]!;
        for (let column = 0; column < n; column++) result[row * n + column]! += factor * right[depth * n + column]!;
      }
    }
  };
  const inDots = (): void => {
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let depth = 0; depth < k; depth++) sum += left[row * k + depth]! * right[column * k + depth]!;
        result[row * n + column] = sum;
      }
    }
  };
  return { kind: "plain", name: "plain loop", work: form === "matmulTransposeB" ? inDots : inRows };
}
