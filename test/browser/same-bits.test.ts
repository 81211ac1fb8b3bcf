import { expect, it } from "vitest";
import { commands } from "vitest/browser";
import { trainDeterministically, trainingNames } from "../support/deterministic-training.ts";
import type {} from "../support/train-in-node.ts";

it("leaves the same bits in every parameter as Node does, in the deterministic profile", async () => {
  const expected = await commands.trainInNode();
  for (const name of trainingNames) {
    const outcome = await trainDeterministically(name);
    // Losses are float64 sums of float32 numbers: equal where the arithmetic is.
    expect(outcome, name).toEqual(expected[name]);
    expect(outcome.losses.at(-1), name).toBeLessThan(outcome.losses[0] ?? 0);
  }
});
