import type { JobSpec } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { checkCommunication } from "./check-communication.ts";

const job = {
  aggregation: "mean",
  communication: { name: "gradients" },
  consistency: { mode: "synchronous" },
  optimizer: { name: "sgd" },
  staleness: {},
  shards: 4,
  encoding: { push: { name: "float32" }, pull: { name: "float32" } },
  batchSize: 64,
  accumulation: 1,
} as const;

type Change = Partial<
  Pick<
    JobSpec,
    "aggregation" | "communication" | "consistency" | "optimizer" | "staleness" | "encoding" | "shards" | "accumulation"
  >
>;

const outer = { outerLearningRate: 0.7, outerMomentum: 0.9 };
const diloco = { name: "diloco", steps: 12, ...outer, fragments: 1, delay: 0, mixing: 0 } as const;
const easgd = { name: "easgd", steps: 8, elasticity: 0.2 } as const;

describe("what workers push and what becomes of it", () => {
  it.each<Change>([
    {},
    { aggregation: "adasum" },
    { communication: { name: "local_sgd", steps: 8 }, aggregation: "adasum" },
    { communication: easgd, consistency: { mode: "asynchronous" } },
    { communication: { ...diloco, fragments: 4, delay: 2, mixing: 0.5 } },
    { communication: diloco, consistency: { mode: "asynchronous" } },
    // Worker and shards move by the same difference, whatever the pulled values have lost.
    { communication: easgd, encoding: { push: { name: "int8" }, pull: { name: "top_k" } } },
    { consistency: { mode: "asynchronous", buffer: 4 }, staleness: { bound: 3 } },
  ])("go together: %j", (change) => {
    expect(() => checkCommunication({ ...job, ...change })).not.toThrow();
  });

  it.each<[string, Change]>([
    ["aggregation", { aggregation: "adasum", consistency: { mode: "asynchronous" } }],
    ["aggregation", { aggregation: "sum", communication: easgd }],
    ["accumulation", { accumulation: 65_536, communication: { name: "local_sgd", steps: 1_000_000 } }],
    ["optimizer.name", { optimizer: { name: "accumulate" }, communication: easgd }],
    [
      "staleness.compensation",
      { communication: { name: "local_sgd", steps: 8 }, staleness: { compensation: { name: "constant" } } },
    ],
    [
      "encoding.push.name",
      {
        communication: { name: "fedasync", steps: 8, mixing: 0.5 },
        encoding: { push: { name: "int8" }, pull: { name: "float32" } },
      },
    ],
    [
      "encoding.pull.name",
      {
        communication: { name: "fedasync", steps: 8, mixing: 0.5 },
        encoding: { push: { name: "float32" }, pull: { name: "bfloat16" } },
      },
    ],
    ["communication.fragments", { communication: { ...diloco, fragments: 5 } }],
    ["communication.fragments", { communication: { ...diloco, fragments: 2 }, consistency: { mode: "asynchronous" } }],
    ["communication.delay", { communication: { ...diloco, fragments: 4, delay: 3 } }],
    ["shards", { communication: { ...diloco, fragments: 4 }, shards: 3 }],
    ["shards", { communication: { ...diloco, fragments: 2 }, shards: null }],
    ["staleness.bound", { communication: easgd, staleness: { bound: 3 } }],
  ])("name %s when it does not fit: %j", (field, change) => {
    expect(() => checkCommunication({ ...job, ...change })).toThrow(`${field}: expected`);
  });
});
