/** Activations and softmax: the accurate `exp` and `tanh` beside the peers' and the engine's own. */
import type { Activation } from "@shoal/kernels-wasm";
import { gelu } from "../peers/formulas.ts";
import type { Tensor, TensorFlow } from "../peers/tensorflow.ts";
import type { KernelCase, Rival, Stage } from "./case.ts";
import { peerRivals } from "./peer-rivals.ts";
import { vectorCase, vectorLength } from "./vector-case.ts";

const count = vectorLength;

interface Function {
  readonly name: Activation;
  readonly onnx?: string;
  readonly tensorFlow: (library: TensorFlow, x: Tensor) => Tensor;
  readonly plain: (x: number) => number;
}

const functions: readonly Function[] = [
  { name: "relu", onnx: "Relu", tensorFlow: (library, x) => library.relu(x), plain: (x) => (x > 0 ? x : 0) },
  { name: "tanh", onnx: "Tanh", tensorFlow: (library, x) => library.tanh(x), plain: Math.tanh },
  {
    ...{ name: "sigmoid", onnx: "Sigmoid" },
    tensorFlow: (library, x) => library.sigmoid(x),
    plain: (x) => 1 / (1 + Math.exp(-x)),
  },
  {
    name: "gelu_tanh",
    tensorFlow: gelu,
    plain: (x) => 0.5 * x * (1 + Math.tanh(0.797_884_56 * (x + 0.044_715 * x * x * x))),
  },
];

export const activationCases: readonly KernelCase[] = [
  ...functions.flatMap((each) => [forwardCase(each), gradientCase(each.name)]),
  softmaxCase(64, 10),
  softmaxCase(1024, 1024),
  crossEntropyCase(64, 10),
  crossEntropyCase(1024, 65),
];

function forwardCase(each: Function): KernelCase {
  return vectorCase(each.name, 8, undefined, async (stage) => {
    const { kernels } = stage.site;
    const [x, y] = [stage.site.floats(count), stage.site.bytes(4 * count)];
    const shape = [count];
    const held = await peerRivals(stage, {
      inputs: [{ values: x.values, shape }],
      tensorFlow: (library, [input]) => each.tensorFlow(library, input!),
      ...(each.onnx === undefined
        ? {}
        : { onnx: { operator: each.onnx, input: { name: "x", shape }, constants: [], output: { name: "y", shape } } }),
    });
    return {
      kernel: () => kernels.activate(x.at, y, count, each.name),
      rivals: [...held.rivals, plainLoop(x.values, each.plain)],
      release: held.release,
    };
  });
}

function gradientCase(name: Activation): KernelCase {
  return vectorCase(`${name} gradient`, 12, undefined, ({ site }) => {
    const [y, dy, dx] = [site.floats(count).at, site.floats(count).at, site.bytes(4 * count)];
    return { kernel: () => site.kernels.activateGradient(y, dy, dx, count, name) };
  });
}

function plainLoop(x: Float32Array, compute: (x: number) => number): Rival {
  const y = new Float32Array(x.length);
  const work = (): void => {
    for (let index = 0; index < x.length; index++) y[index] = compute(x[index]!);
  };
  return { kind: "plain", name: "plain loop", work };
}

function softmaxCase(rows: number, columns: number): KernelCase {
  return {
    name: `softmax ${rows}×${columns}`,
    async create(stage) {
      const { site } = stage;
      const [x, y] = [site.floats(rows * columns), site.bytes(4 * rows * columns)];
      const shape = [rows, columns];
      const held = await peerRivals(stage, {
        inputs: [{ values: x.values, shape }],
        tensorFlow: (library, [input]) => library.softmax(input!),
        onnx: { operator: "Softmax", input: { name: "x", shape }, constants: [], output: { name: "y", shape } },
      });
      return {
        ...{ unit: "GB/s", amount: 8 * rows * columns },
        kernel: () => site.kernels.softmax(x.at, y, rows, columns),
        ...held,
      };
    },
  };
}

function crossEntropyCase(rows: number, classes: number): KernelCase {
  return {
    name: `softmax cross-entropy ${rows}×${classes}, loss and gradient`,
    create({ site }: Stage) {
      const [logits, labels] = [site.floats(rows * classes), site.integers(rows, classes)];
      const gradient = site.bytes(4 * rows * classes);
      return {
        ...{ unit: "GB/s", amount: 8 * rows * classes },
        kernel: () => void site.kernels.softmaxCrossEntropy(logits.at, labels.at, gradient, rows, classes, 0),
        rivals: [],
      };
    },
  };
}
