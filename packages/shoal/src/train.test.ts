import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TypedJob } from "./job/define-job.ts";
import { train } from "./train.ts";

const job: TypedJob = {
  name: "tiny",
  model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
  data: { type: "digits", samples: 1_000, testSamples: 200 },
  optimizer: { name: "sgd", learningRate: 0.1 },
  epochs: 10_000,
};

let runs = "";
beforeAll(() => {
  runs = mkdtempSync(join(tmpdir(), "shoal-train-"));
});
afterAll(() => rmSync(runs, { recursive: true, force: true }));

describe("a training from a program", () => {
  it("is cancelled by its signal, also where that came while the cluster started", async () => {
    const before = AbortSignal.abort();
    await expect(train(job, { runs, signal: before })).rejects.toMatchObject({ code: "cancelled" });
    const meanwhile = new AbortController();
    const starting = train(job, { runs, signal: meanwhile.signal, workers: 1, servers: 1 });
    meanwhile.abort();
    await expect(starting).rejects.toMatchObject({ code: "cancelled" });
    const later = new AbortController();
    const onProgress = ({ batchesDone }: { readonly batchesDone: number }): void => {
      if (batchesDone > 0) later.abort();
    };
    const training = train(job, { runs, signal: later.signal, workers: 1, servers: 1, onProgress });
    await expect(training).rejects.toMatchObject({ code: "cancelled" });
  });

  it("is refused where clients would have to take part", async () => {
    const federated = { rounds: 1, aggregation: { name: "fedavg", goal: 2 }, local: { learningRate: 0.1 } };
    await expect(train({ ...job, epochs: 1, federated }, { runs })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("shoal edge"),
    });
  });
});
