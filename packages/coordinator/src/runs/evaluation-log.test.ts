import type { Evaluation, StopSpec } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { addEvaluation, decideStop, emptyEvaluationLog, entrust, evaluationDue, relieve } from "./evaluation-log.ts";

const measured = (step: number, loss: number, accuracy = 0.5): Evaluation => ({
  step,
  loss,
  accuracy,
  metrics: { perplexity: Math.exp(loss) },
  version: step,
  atMs: 0,
});
const after = (...losses: readonly number[]) =>
  losses.reduce((log, loss, step) => addEvaluation(log, measured(step, loss), 2), emptyEvaluationLog);
const never: StopSpec = { accuracy: null, metric: null, patience: null };
const one = { member: 1, incarnation: 1 };
const two = { member: 2, incarnation: 1 };

describe("evaluations", () => {
  it("end the run at the wanted accuracy, and say at which", () => {
    const log = addEvaluation(emptyEvaluationLog, measured(40, 0.2, 0.975), 8);
    expect(decideStop({ ...never, accuracy: 0.97 }, log)).toEqual({
      kind: "stop",
      reason: "test accuracy 0.975 reached 0.97 at step 40",
    });
    expect(decideStop({ ...never, accuracy: 0.98 }, log).kind).toBe("go_on");
  });

  it("end the run when a metric reaches its bound from above or below", () => {
    const decide = (metric: StopSpec["metric"], loss: number) => decideStop({ ...never, metric }, after(loss));
    expect(decide({ name: "perplexity", atMost: 4 }, Math.log(3))).toMatchObject({
      kind: "stop",
      reason: expect.stringMatching(/^test perplexity [\d.]+ reached 4 at step 0$/) as string,
    });
    expect(decide({ name: "perplexity", atMost: 2 }, Math.log(3)).kind).toBe("go_on");
    expect(decide({ name: "perplexity", atLeast: 2 }, Math.log(3)).kind).toBe("stop");
    expect(decide({ name: "auc", atLeast: 0 }, 1).kind).toBe("go_on");
  });

  it("end the run when the loss has not become better for as many evaluations as the job is patient", () => {
    const stop = { ...never, patience: 2 };
    expect(decideStop(stop, after(3, 2, 2.5)).kind).toBe("go_on");
    expect(decideStop(stop, after(3, 2, 2.5, 2))).toMatchObject({ kind: "stop" });
    expect(decideStop(stop, after(3, 2, 2.5, 1.9)).kind).toBe("go_on");
    expect(decideStop(never, after(1, 2, 3, 4)).kind).toBe("go_on");
  });

  it("are kept up to the bound, the best loss for ever", () => {
    const log = after(1, 5, 6, 7);
    expect(log.list.map((each) => each.loss)).toEqual([6, 7]);
    expect(log).toMatchObject({ bestLoss: 1, sinceBest: 3 });
  });

  it("are fewer when they have many metrics, so that a status stays small", () => {
    const metrics = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`metric-${index}`.padEnd(160), 1]));
    const full = Array.from({ length: 20 }, (_, step) => ({ ...measured(step, 1), metrics }));
    const log = full.reduce((kept, evaluation) => addEvaluation(kept, evaluation, 512), emptyEvaluationLog);
    expect(log.list.length).toBe(9);
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
