/** The page of the job's fields names all of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkJob } from "@shoal/coordinator";
import { expect, it } from "vitest";

it("docs/JOB.md has every field of a job", () => {
  const page = readFileSync(join(import.meta.dirname, "../docs/JOB.md"), "utf8");
  const job = checkJob({
    ...{ name: "smallest", data: { type: "digits", samples: 10, testSamples: 10 }, optimizer: { name: "sgd" } },
    model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
  });
  for (const field of Object.keys(job)) expect(page).toMatch(new RegExp(`\`${field}[\`.]`));
});
