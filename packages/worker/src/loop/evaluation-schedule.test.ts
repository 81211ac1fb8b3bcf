import { describe, expect, it } from "vitest";
import { isEvaluationDue } from "./evaluation-schedule.ts";

const plan = { stepsPerEpoch: 5, totalSteps: 15 };
const due = (everySteps: number | null): number[] =>
  Array.from({ length: 17 }, (_, clock) => clock).filter((clock) => isEvaluationDue(clock, { everySteps }, plan));

describe("isEvaluationDue", () => {
  it("is true after each epoch but the last, whose values are measured at the end of the run", () => {
    expect(due(null)).toEqual([5, 10]);
  });

  it("is true after every so many steps", () => {
    expect(due(4)).toEqual([4, 8, 12]);
    expect(due(100)).toEqual([]);
  });
});
