/** Runs whose targets are the logits of a teacher. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput, JobSpec } from "@shoal/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const dataset = generateDigits({ samples: 650, testSamples: 200, seed: 2 });
const data = { type: "digits", samples: 650, testSamples: 200, seed: 2 };

function jobOf(width: number, loss: object, change: Partial<JobInput> = {}): JobSpec {
  const layers = [
    { type: "dense", outputs: width, activation: "relu" },
    { type: "dense", outputs: 10 },
  ];
  return checkJob({
    name: "digits",
    model: { inputs: 784, layers, loss },
    data,
    optimizer: { name: "adam", learningRate: 0.003 },
    batchSize: 32,
    epochs: 12,
    workers: 2,
    ...change,
  });
}

let cluster: TrainingCluster | undefined;
afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  cluster = undefined;
});

describe("distillation", () => {
  it("brings a student to its teacher, and is measured by the labels", async () => {
    const before = site.memory.allocatedBytes;
    cluster = await startTrainingCluster({ site, dataset, servers: 2, workers: 2, computeKind: "thread" });
    const teacher = await cluster.submit(jobOf(48, { type: "softmax_cross_entropy" }));
    const taught = await cluster.ended(teacher);
    const loss = { type: "distillation", temperature: 2, teacher: `/models/${teacher}.safetensors` };
    const student = await cluster.ended(await cluster.submit(jobOf(16, loss, { microBatch: 20 })));
    expect(student.error).toBeNull();
    const [first] = student.evaluations;
    expect(student.result?.loss).toBeLessThan(0.5 * (first?.loss ?? 0));
    // A third of the teacher's width, the same data: it learns what the teacher knows but for a few samples.
    expect(student.result?.accuracy).toBeGreaterThan((taught.result?.accuracy ?? 1) - 0.1);
    expect(student.result?.metrics).toEqual({ accuracy: student.result?.accuracy });
    await cluster[Symbol.asyncDispose]();
    cluster = undefined;
    expect(site.memory.allocatedBytes).toBe(before);
  });

  it("refuses teachers that take or give something else, and data without one", async () => {
    cluster = await startTrainingCluster({ site, dataset, servers: 1, workers: 1, computeKind: "inline" });
    const layers = [{ type: "dense", outputs: 12 }];
    const wide = { inputs: 784, layers, loss: { type: "softmax_cross_entropy" } };
    const other = await cluster.submit(jobOf(8, {}, { model: wide, epochs: 1, workers: 1 }));
    expect((await cluster.ended(other)).error).toBeNull();
    const loss = { type: "distillation", teacher: `/models/${other}.safetensors` };
    const run = await cluster.submit(jobOf(8, loss, { epochs: 1, workers: 1 }));
    expect((await cluster.ended(run)).error?.message).toContain("safetensors: it gives 12, the model 10");
    expect(() => jobOf(8, { type: "distillation" })).toThrow("expected a teacher");
  });
});
