/** Whether a client takes what is said that it takes, before it is let in. */
import { batchOf, planeProtocol, trainingBytes, type TaskDescription } from "@shoal/federated";
import { generateDigits, layoutOf, parseModelSpec, planBytes, type Split } from "@shoal/models";
import { describe, expect, it } from "vitest";
import { convolutional } from "../../../bench/fedavg/paper-rows.ts";
import { plainLocalTraining } from "../../support/local-training.ts";
import { measureClient } from "../../support/measured-client.ts";

const loss = { type: "softmax_cross_entropy" };
const { train: digits } = generateDigits({ samples: 40, testSamples: 1 });

const perceptron = {
  inputs: 784,
  layers: [
    { type: "dense", outputs: 300, activation: "relu" },
    { type: "dense", outputs: 300, activation: "relu" },
    { type: "dense", name: "head", outputs: 10 },
  ],
  loss,
};
/** As in `examples/gpt-shakespeare.ts`, with fewer blocks. */
const transformer = {
  inputs: { tokens: 64, vocabulary: 65 },
  layers: [
    { type: "embedding", name: "token", width: 128 },
    { type: "positional_embedding", name: "position" },
    { type: "transformer_block", name: "block0", heads: 4 },
    { type: "transformer_block", name: "block1", heads: 4 },
    { type: "layer_norm", name: "norm" },
    { type: "dense", name: "head", outputs: 65 },
  ],
  loss,
};
/** Where hardly anything but the look-up has parameters. */
const lookUp = {
  inputs: { tokens: 8, vocabulary: 8_000 },
  layers: [{ type: "embedding", name: "token", width: 64 }, { type: "flatten" }, { type: "dense", outputs: 10 }],
  loss,
};

const windows = { kind: "windows", length: 64, stride: 64, vocabulary: 65 } as const;
const characters = Uint8Array.from({ length: 64 * 17 }, (_, at) => (at * 7) % 65);
const text: Split = {
  count: 16,
  inputs: { input: { ...windows, begin: 0, tokens: characters } },
  targets: { output: { ...windows, begin: 1, tokens: characters } },
};
const words: Split = {
  count: 16,
  inputs: {
    input: {
      kind: "windows",
      length: 8,
      stride: 8,
      begin: 0,
      vocabulary: 8_000,
      tokens: new Uint16Array(128).fill(77),
    },
  },
  targets: { output: { kind: "labels", classes: 10, values: new Int32Array(16).fill(3) } },
};

const exact = { name: "float32" };

function taskOf(
  model: object,
  own: Partial<TaskDescription>,
  local: Partial<TaskDescription["local"]>,
): TaskDescription {
  const given = { ...model };
  return {
    ...{ protocol: planeProtocol, task: "t", model: given, size: layoutOf(parseModelSpec(given)).size },
    ...{ down: [exact], up: [exact], plain: [], normBound: null, sampleCap: 1_000, memoryBytes: 0 },
    ...{ privacy: { clip: null, localNoise: 0, secure: null }, local: { ...plainLocalTraining, ...local } },
    ...own,
  };
}

/** What a device with so many samples is told, or tells itself. */
function toldBytes(task: TaskDescription, samples: number): number {
  const spec = parseModelSpec(task.model);
  const plan = planBytes(spec, batchOf(task.local, samples));
  return trainingBytes(task, { size: layoutOf(spec).size, planBytes: plan });
}

/** Until nothing more is added: what is carried over has a before and an after, controls two rounds that a run may go back to. */
function roundsOf({ local, up }: TaskDescription): number {
  if (local.correction === "scaffold") return 5;
  return local.personal.length > 0 || up[0] !== exact ? 3 : 2;
}

interface Case {
  readonly name: string;
  readonly model: object;
  readonly data?: Split;
  readonly task?: Partial<TaskDescription>;
  readonly local?: Partial<TaskDescription["local"]>;
}

const headless = layoutOf(parseModelSpec(perceptron)).size - 3_010;
const cases: readonly Case[] = [
  { name: "a perceptron in batches of 10", model: perceptron },
  { name: "one that sends int8", model: perceptron, task: { up: [{ name: "int8" }], down: [{ name: "int8" }] } },
  { name: "one that sends all, with indices", model: perceptron, task: { up: [{ name: "top_k", share: 1 }] } },
  { name: "one with a head that stays", model: perceptron, task: { size: headless }, local: { personal: ["head"] } },
  { name: "one with SCAFFOLD", model: perceptron, local: { correction: "scaffold" } },
  { name: "a convolutional network in batches of 10", model: convolutional },
  { name: "in batches of 32", model: convolutional, local: { batchSize: 32 } },
  { name: "a transformer in batches of 2", model: transformer, data: text, local: { batchSize: 2 } },
  { name: "in batches of 16", model: transformer, data: text, local: { batchSize: 16 } },
  { name: "an embedding in batches of 4", model: lookUp, data: words, local: { batchSize: 4 } },
];

describe("what a round takes on a device", { timeout: 60_000 }, () => {
  it.each(cases)("is no more than it was told, and not much less: $name", async ({ model, data = digits, ...own }) => {
    const task = taskOf(model, own.task ?? {}, own.local ?? {});
    const told = toldBytes(task, data.count);
    const rounds = roundsOf(task);
    const { kernelBytes, arrayBytes, contributions } = await measureClient({ task, data, rounds, memoryBytes: told });
    expect(contributions).toBe(rounds);
    const taken = kernelBytes + arrayBytes;
    expect(taken).toBeLessThanOrEqual(told);
    expect(told).toBeLessThan(1.5 * taken);
  });

  it("is refused where it takes all samples at once and there is a byte too little, before anything is fetched", async () => {
    const task = taskOf(perceptron, {}, { batchSize: null });
    const needed = toldBytes(task, digits.count);
    const below = await measureClient({ task, data: digits, rounds: 1, memoryBytes: needed - 1 });
    const sentence = `[out_of_memory] training on all samples at once takes ${needed} bytes, the device has ${needed - 1}`;
    expect(below).toMatchObject({ end: sentence, refusals: [sentence], contributions: 0 });
    expect(below.requests).toEqual({ check_in: 1, answer_offer: 1, leave: 1 });
    const enough = await measureClient({ task, data: digits, rounds: 1, memoryBytes: needed });
    expect(enough).toMatchObject({ end: "it is over", refusals: [], contributions: 1 });
    // The aggregator, which knows of one sample only, asks for less.
    expect(toldBytes(task, 1)).toBeLessThan(needed);
  });
});
