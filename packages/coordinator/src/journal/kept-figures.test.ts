import { describe, expect, it } from "vitest";
import { createCluster } from "../cluster-state.ts";
import { addLoss, emptyHistory } from "../guard/loss-history.ts";
import { checkJob } from "../job/check-job.ts";
import { addReport, noFigures } from "../runs/figures.ts";
import { createRun, type RunState } from "../runs/run-state.ts";
import { addTraffic, noTraffic } from "../runs/traffic.ts";
import { figuresRecord, keepFigures, readFigures, type FiguresRecord } from "./kept-figures.ts";

const job = checkJob({
  name: "figures",
  model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
  data: { type: "digits" },
  optimizer: { name: "sgd", learningRate: 0.1 },
});
const empty = createRun({ run: "figures-1", submission: "1", job, parameterCount: 7850 }, 0);
const moved = { pushedBefore: 8, pushedAfter: 4, pulledBefore: 8, pulledAfter: 8, errorSum: 0.5, errors: 1 };
const report = {
  ...{ clock: 3, loss: 1, firstLoss: 2, samples: 8, stalenessSum: 4, stalenessMax: 3, pushes: 2 },
  ...{ computeMs: 5, waitMs: 1 },
};

function trained(run: RunState, reports: number): RunState {
  let { figures } = run;
  let { losses } = run.guard;
  let { traffic } = run;
  for (let count = 1; count <= reports; count += 1) {
    figures = addReport(figures, { member: 4, incarnation: 1, name: "worker-4" }, { ...report, clock: count }, 2, true);
    losses = addLoss(losses, { loss: 1 / count, first: 2, samples: 8 }, count * 10);
    traffic = addTraffic(traffic, moved, count * 100, 3000);
  }
  return { ...run, phase: "training", figures, traffic, guard: { ...run.guard, losses } };
}

describe("the figures of a run", () => {
  it("are what the next coordinator goes on with", () => {
    const run = keepFigures(trained(empty, 300), 5000);
    expect(run.kept).not.toBeNull();
    const stored = JSON.parse(JSON.stringify(figuresRecord(createCluster("c", 7), run.kept!))) as FiguresRecord;
    expect(stored.term).toBe(7);
    const next = readFigures(empty, stored);
    expect(next.figures).toEqual({ ...run.figures, window: noFigures.window });
    expect(next.traffic).toEqual({ ...run.traffic, window: noTraffic.window });
    expect(next.guard.losses).toEqual(run.guard.losses);
  });

  it("are kept once a second while it trains, and not where nothing has changed", () => {
    const first = keepFigures(trained(empty, 1), 1000);
    const soon = trained(first, 2);
    expect(keepFigures(soon, 1900)).toBe(soon);
    const later = keepFigures(soon, 2000);
    expect(later.kept?.atMs).toBe(2000);
    expect(keepFigures(later, 9000)).toBe(later);
    const ended: RunState = { ...trained(later, 1), phase: "completed" };
    expect(keepFigures(ended, 2100).kept?.atMs).toBe(2100);
  });

  it("begin anew where none were kept", () => {
    expect(readFigures(empty, undefined)).toBe(empty);
    expect(keepFigures(empty, 0)).toBe(empty);
    expect(empty.guard.losses).toBe(emptyHistory);
  });
});
