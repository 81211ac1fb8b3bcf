/** The examples for sparse rows, whole, through the cluster in one process. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { train, type TypedJob } from "shoal";
import machine from "../../examples/a9a-factorization-machine.ts";
import logistic from "../../examples/a9a-logistic.ts";
import { createWorkplace } from "../support/shoal-command.ts";

const shared = process.env["SHOAL_SHARED"] ?? join(import.meta.dirname, "../../../shared");
const folder = join(shared, "data");
const isReal = existsSync(join(folder, "libsvm", "a9a.gz"));
if (!isReal) console.log("no a9a beside this clone: training on generated sparse rows");

describe("the examples for sparse rows", () => {
  // Of the real rows; on the generated ones, which are simpler, both come to more.
  it.each([
    ["logistic regression", logistic],
    ["a factorisation machine", machine],
  ] as const)("bring %s to an accuracy of 84.8 % and an AUC of 0.90", async (_name, job: TypedJob) => {
    using workplace = createWorkplace();
    const options = { workers: 2, servers: 2, runs: workplace.folder };
    const result = await train(job, isReal ? { ...options, data: folder } : options);
    expect(result.accuracy).toBeGreaterThanOrEqual(0.848);
    expect(result.metrics["auc"]).toBeGreaterThanOrEqual(0.9);
  });
});
