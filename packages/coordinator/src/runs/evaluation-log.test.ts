import type { Evaluation } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { addEvaluation, decideStop, emptyEvaluationLog, entrust, evaluationDue, relieve } from "./evaluation-log.ts";

const measured = (step: number, loss: number, accuracy = 0.5): Evaluation => ({
  step,
  loss,
  accuracy,
  version: step,
  atMs: 0,
});
const after = (...losses: readonly number[]) =>
  losses.reduce((log, loss, step) => addEvaluation(log, measured(step, loss), 2), emptyEvaluationLog);
const one = { member: 1, incarnation: 1 };
const two = { member: 2, incarnation: 1 };

describe("evaluations", () => {
  it("end the run at the wanted accuracy, and say at which", () => {
    const log = addEvaluation(emptyEvaluationLog, measured(40, 0.2, 0.975), 8);
    expect(decideStop({ accuracy: 0.97, patience: null }, log)).toEqual({
      kind: "stop",
      reason: "test accuracy 0.975 reached 0.97 at step 40",
    });
    expect(decideStop({ accuracy: 0.98, patience: null }, log).kind).toBe("go_on");
  });

  it("end the run when the loss has not become better for as many evaluations as the job is patient", () => {
    const stop = { accuracy: null, patience: 2 };
    expect(decideStop(stop, after(3, 2, 2.5)).kind).toBe("go_on");
    expect(decideStop(stop, after(3, 2, 2.5, 2))).toMatchObject({ kind: "stop" });
    expect(decideStop(stop, after(3, 2, 2.5, 1.9)).kind).toBe("go_on");
    expect(decideStop({ accuracy: null, patience: null }, after(1, 2, 3, 4)).kind).toBe("go_on");
  });

  it("are kept up to the bound, the best loss for ever", () => {
    const log = after(1, 5, 6, 7);
    expect(log.list.map((each) => each.loss)).toEqual([6, 7]);
    expect(log).toMatchObject({ bestLoss: 1, sinceBest: 3 });
  });

  it("are due once for each interval of batches, and entrusted to one worker at a time", () => {
    expect(evaluationDue(emptyEvaluationLog, one, 9, 10)).toBe(false);
    expect(evaluationDue(emptyEvaluationLog, one, 10, 10)).toBe(true);
    const entrusted = entrust(emptyEvaluationLog, one, 10, 10);
    expect(evaluationDue(entrusted, two, 25, 10)).toBe(false);
    expect(evaluationDue(entrusted, one, 12, 10)).toBe(true);
    const reported = relieve(entrusted, one, true);
    expect(evaluationDue(reported, two, 15, 10)).toBe(false);
    expect(evaluationDue(reported, two, 20, 10)).toBe(true);
  });

  it("are due again when the worker that had to make them is gone", () => {
    const entrusted = entrust(emptyEvaluationLog, one, 10, 10);
    expect(relieve(entrusted, two, false)).toBe(entrusted);
    expect(evaluationDue(relieve(entrusted, one, false), two, 11, 10)).toBe(true);
  });
});
