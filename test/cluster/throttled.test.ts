/** Processes that train over a slow line: what goes over it. */
import { describe, expect, it } from "vitest";
import { startLinedCluster } from "../support/lined-cluster.ts";
import { perceptron } from "../support/perceptron.ts";
import { namespaceFault, openSlowLine, type SlowLine } from "../support/slow-line.ts";

const job = {
  name: "throttled",
  model: perceptron([128]),
  data: { type: "digits", samples: 2_000, testSamples: 200, seed: 3 },
  optimizer: { name: "sgd", learningRate: 0.1 },
  evaluation: { everySteps: 1_000_000 },
  batchSize: 32,
  workers: 2,
};
const parameters = 784 * 128 + 128 + 128 * 10 + 10;

describe.each<SlowLine["kind"]>(["proxy", "namespaces"])("a line of 100 Mbit/s as %s", (kind) => {
  const fault = kind === "namespaces" ? namespaceFault() : undefined;
  it.skipIf(fault !== undefined)(
    "carries 50 times fewer bytes of pushes as top 1 %, and runs come to their end",
    async () => {
      await using line = await openSlowLine(12_500_000, kind);
      await using cluster = await startLinedCluster({ line, workers: 2 });
      const plain = await cluster.complete(job);
      const before = line.passed();
      // 32 steps of two workers, whole vectors up; down those of every step but the last, and the final values.
      expect(before.up).toBeGreaterThan(64 * 4 * parameters);
      expect(before.down).toBeGreaterThan(63 * 4 * parameters);
      const encoding = { push: { name: "top_k", share: 0.01 }, pull: { name: "int8" } };
      const encoded = await cluster.complete({ ...job, encoding });
      const after = line.passed();
      const { pushedBefore = 0, pushedAfter = 1, pulledBefore = 0, pulledAfter = 1 } = encoded.traffic?.total ?? {};
      expect(pushedBefore / pushedAfter).toBeGreaterThan(45);
      expect(pulledBefore / pulledAfter).toBeGreaterThan(3.4); // the first of each worker comes whole
      expect((before.up + before.down) / (after.up - before.up + after.down - before.down)).toBeGreaterThan(3.5);
      expect(encoded.samples).toBe(plain.samples);
      expect(encoded.loss).toBeLessThan(2.3); // that of guessing
    },
  );
});
