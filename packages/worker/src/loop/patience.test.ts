import { expect, it } from "vitest";
import { patienceOf } from "./patience.ts";

it("grows with the batches of a contribution, up to an hour in place of a minute", () => {
  const job = { batchSize: 32, accumulation: 1, communication: { name: "gradients" } } as const;
  expect(patienceOf(job)).toBe(1);
  expect(patienceOf({ ...job, accumulation: 4 })).toBe(4);
  expect(patienceOf({ ...job, accumulation: 2, communication: { name: "local_sgd", steps: 8 } })).toBe(16);
  expect(patienceOf({ ...job, communication: { name: "local_sgd", steps: 500 } })).toBe(60);
});
