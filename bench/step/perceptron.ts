/** The MLP 784-256-128-10 here and in tfjs-layers. */
import type { ModelSpec } from "@shoal/models";
import { peerWeights } from "./peer-weights.ts";
import { sequentialPeer } from "./sequential-peer.ts";
import { randomBatch, type Subject } from "./subject.ts";

const spec: ModelSpec = {
  inputs: 784,
  layers: [
    { type: "dense", outputs: 256, activation: "relu" },
    { type: "dense", outputs: 128, activation: "relu" },
    { type: "dense", outputs: 10 },
  ],
  loss: { type: "softmax_cross_entropy" },
};

export function perceptronSubject(rows: number, aim?: number): Subject {
  return {
    name: `MLP 784-256-128-10, batch ${rows}`,
    spec,
    batch: randomBatch(rows, 784, 10),
    learningRate: 0.01,
    ...(aim === undefined ? {} : { aim }),
    peer(library, weights, { inputs, labels }, learningRate) {
      const { dense } = library.own.layers;
      const ours = peerWeights(library, weights);
      const layers = [
        dense({ inputShape: [784], units: 256, activation: "relu" }),
        dense({ units: 128, activation: "relu" }),
        dense({ units: 10 }),
      ].map((layer, index) => [layer, [ours.dense(`${index}.weight`), ours.of(`${index}.bias`)]] as const);
      return sequentialPeer(library, {
        ...{ layers, labels, classes: 10, learningRate },
        inputs: library.tensor(inputs, [rows, 784]),
      });
    },
  };
}
