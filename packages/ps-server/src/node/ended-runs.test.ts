import { expect, test } from "vitest";
import { createEndedRuns } from "./ended-runs.ts";

test("the terms of the runs that ended last are remembered", () => {
  const ended = createEndedRuns(2);
  ended.add("a", 1);
  ended.add("b", 1);
  ended.add("a", 3);
  ended.add("c", 2);
  expect([ended.termOf("a"), ended.termOf("b"), ended.termOf("c")]).toEqual([3, undefined, 2]);
});
