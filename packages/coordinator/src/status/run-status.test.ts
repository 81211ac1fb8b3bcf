import { describe, expect, it } from "vitest";
import { checkJob } from "../job/check-job.ts";
import { complete, createLedger } from "../leases/ledger.ts";
import { createRun, type RunState } from "../runs/run-state.ts";
import { defaultSettings } from "../settings.ts";
import type { ResumePoint } from "../snapshots/snapshot-state.ts";
import { runStatus } from "./run-status.ts";

const job = checkJob({
  name: "resumed",
  model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
  data: { type: "digits" },
  optimizer: { name: "sgd", learningRate: 0.1 },
});

/** A run that did 100 of its batches in 10 s, the last 20 of them after it was gone on with. */
function endedRun(point: ResumePoint | null): RunState {
  return {
    ...createRun({ run: "resumed-1", submission: "1", job, parameterCount: 7850 }, 0),
    ...{ phase: "completed", trainingAtMs: 0, endedAtMs: 10_000, samplesDone: 6_400 },
    ledger: complete(createLedger(100), [{ begin: 0, end: 100 }]).ledger,
    origin: point === null ? null : { kind: "found", point },
  };
}

describe("the pace of a run that is over", () => {
  it("is that of its samples", () => {
    expect(runStatus(endedRun(null), 20_000, defaultSettings).samplesPerSecond).toBe(640);
  });

  it("does not count what a snapshot brought", () => {
    const point: ResumePoint = {
      ...{ snapshot: "000-0000000040-1-1", step: 40, slots: 2, samples: 6_400, seatTerm: 1, ranges: [] },
      ...{ done: [0, 80], stepCuts: null, evaluations: [], bestLoss: null, sinceBest: 0 },
    };
    expect(runStatus(endedRun(point), 20_000, defaultSettings).samplesPerSecond).toBeCloseTo(128, 6);
  });
});
