/** A GPT of four layers here and in tfjs's operators: it has no layer of attention. */
import type { ModelSpec } from "@shoal/models";
import { attention, causalMask, gelu, layerNorm } from "../peers/formulas.ts";
import type { Tensor, TensorFlow } from "../peers/tensorflow.ts";
import { peerWeights } from "./peer-weights.ts";
import { randomTokens, type PeerModel, type Subject } from "./subject.ts";

const vocabulary = 65;
const positions = 128;
const width = 128;
const heads = 4;
const blocks = ["block0", "block1", "block2", "block3"];
const epsilon = 1e-5;

const spec: ModelSpec = {
  inputs: { tokens: positions, vocabulary },
  layers: [
    { type: "embedding", name: "token", width },
    { type: "positional_embedding", name: "position" },
    ...blocks.map((name) => ({ type: "transformer_block", name, heads }) as const),
    { type: "layer_norm", name: "norm" },
    { type: "dense", name: "head", outputs: vocabulary },
  ],
  loss: { type: "softmax_cross_entropy" },
};

export function transformerSubject(rows: number, aim: number): Subject {
  return {
    name: `GPT of 4 layers, width ${width}, context ${positions}, batch ${rows}`,
    spec,
    batch: randomTokens(rows, positions, vocabulary),
    learningRate: 0.01,
    aim,
    peer: (library, weights, { inputs, labels }, learningRate) =>
      createPeer(library, variablesOf(library, weights), { rows, tokens: inputs, labels, learningRate }),
  };
}

type Variables = Readonly<Record<string, Tensor>>;
type Weights = Parameters<Subject["peer"]>[1];

/** Weights of dense layers are turned, so that the product of the forward pass need not. */
function variablesOf(library: TensorFlow, weights: Weights): Variables {
  const ours = peerWeights(library, weights);
  const isDense = (name: string): boolean => /(qkv|proj|up|down|head)\.weight$/.test(name);
  return Object.fromEntries(
    Object.keys(weights).map((name) => [name, library.variable(isDense(name) ? ours.dense(name) : ours.of(name))]),
  );
}

interface Training {
  readonly rows: number;
  readonly tokens: Float32Array | Int32Array;
  readonly labels: Int32Array;
  readonly learningRate: number;
}

function createPeer(library: TensorFlow, variables: Variables, training: Training): PeerModel {
  const { rows, labels, learningRate } = training;
  const count = rows * positions;
  const tokens = library.tensor(training.tokens, [count], "int32");
  const indices = library.tensor(labels, [count], "int32");
  const targets = library.cast(library.oneHot(indices, vocabulary), "float32");
  const mask = library.tensor(causalMask(positions), [positions, positions]);
  const optimizer = library.train.sgd(learningRate);
  const variable = (name: string): Tensor => {
    const found = variables[name];
    if (found === undefined) throw new RangeError(`no parameter ${name}, only ${Object.keys(variables).join(", ")}`);
    return found;
  };
  const lossOf = (): Tensor =>
    library.losses.softmaxCrossEntropy(targets, logitsOf({ library, variable, rows, tokens, mask }));
  return {
    async step() {
      const loss = optimizer.minimize(lossOf, true);
      const [value = Number.NaN] = await loss.data();
      loss.dispose();
      return value;
    },
  };
}

interface Scene {
  readonly library: TensorFlow;
  readonly variable: (name: string) => Tensor;
  readonly rows: number;
  readonly tokens: Tensor;
  readonly mask: Tensor;
}

/** All rows and positions are one axis, except within attention. */
function logitsOf(scene: Scene): Tensor {
  const { library, variable, rows, tokens } = scene;
  const embedded = library.reshape(library.gather(variable("token.weight"), tokens), [rows, positions, width]);
  const placed = library.add(embedded, variable("position.weight"));
  let x = library.reshape(placed, [rows * positions, width]);
  for (const block of blocks) x = blockOf(scene, block, x);
  return dense(scene, "head", norm(scene, "norm", x));
}

function blockOf(scene: Scene, block: string, x: Tensor): Tensor {
  const { library } = scene;
  const mixed = mix(scene, dense(scene, `${block}.qkv`, norm(scene, `${block}.ln1`, x)));
  const attended = library.add(x, dense(scene, `${block}.proj`, mixed));
  const hidden = gelu(library, dense(scene, `${block}.up`, norm(scene, `${block}.ln2`, attended)));
  return library.add(attended, dense(scene, `${block}.down`, hidden));
}

function mix({ library, rows, mask }: Scene, joined: Tensor): Tensor {
  const split = (part: Tensor): Tensor =>
    library.transpose(library.reshape(part, [rows, positions, heads, width / heads]), [0, 2, 1, 3]);
  const [q, k, v] = library.split(joined, 3, 1);
  const mixed = attention(library, [split(q!), split(k!), split(v!)], mask, 1 / Math.sqrt(width / heads));
  return library.reshape(library.transpose(mixed, [0, 2, 1, 3]), [rows * positions, width]);
}

function norm({ library, variable }: Scene, name: string, x: Tensor): Tensor {
  return layerNorm(library, x, variable(`${name}.weight`), variable(`${name}.bias`), epsilon);
}

function dense({ library, variable }: Scene, name: string, x: Tensor): Tensor {
  return library.fused.matMul({ a: x, b: variable(`${name}.weight`), bias: variable(`${name}.bias`) });
}
