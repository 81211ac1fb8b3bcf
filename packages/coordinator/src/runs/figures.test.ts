import { describe, expect, it } from "vitest";
import { addReport, addToWindow, binMs, noFigures, samplesPerSecond } from "./figures.ts";

const windowMs = 3000;

describe("figures of a run", () => {
  it("measure throughput over the window and, at the end, over everything", () => {
    let figures = noFigures;
    for (let now = 100; now <= 10_000; now += 100) figures = addToWindow(figures, 50, null, now, windowMs);
    expect(samplesPerSecond(figures, 5000, 0, null, 10_000, windowMs)).toBeCloseTo(500, 9);
    expect(samplesPerSecond(figures, 5000, 0, null, 12_000, windowMs)).toBeLessThan(200);
    expect(samplesPerSecond(figures, 5000, 0, 20_000, 99_999, windowMs)).toBe(250);
    expect(figures.window.length).toBeLessThanOrEqual(windowMs / binMs);
  });

  it("stay within their bins however often workers report", () => {
    let figures = noFigures;
    for (let now = 0; now < 5000; now += 1) figures = addToWindow(figures, 1, null, now, windowMs);
    expect(figures.window.length).toBeLessThanOrEqual(windowMs / binMs + 1);
    expect(samplesPerSecond(figures, 5000, 0, null, 4999, windowMs)).toBeGreaterThan(900);
  });

  it("weigh losses by samples and keep the last one when nobody reports", () => {
    let figures = addToWindow(noFigures, 0, { loss: 1, samples: 30 }, 0, windowMs);
    figures = addToWindow(figures, 0, { loss: 3, samples: 10 }, 50, windowMs);
    expect(figures.loss).toBe(1.5);
    figures = addToWindow(figures, 0, { loss: null, samples: 0 }, 9000, windowMs);
    expect(figures.loss).toBe(1.5);
    figures = addToWindow(figures, 0, { loss: 0.5, samples: 1 }, 9100, windowMs);
    expect(figures.loss).toBe(0.5);
  });

  it("add up what each worker reports", () => {
    const report = {
      clock: 3,
      loss: 1,
      firstLoss: 1,
      samples: 8,
      stalenessSum: 4,
      stalenessMax: 3,
      pushes: 2,
      computeMs: 5,
      waitMs: 1,
    };
    const worker = { member: 4, incarnation: 1, name: "worker-4" };
    const once = addReport(noFigures, worker, report, 2, false);
    const twice = addReport(once, worker, { ...report, clock: 6, stalenessMax: 1 }, 1, false);
    const sums = { batches: 3, samples: 16, computeMs: 10, waitMs: 2 };
    expect(twice.workers.get(4)).toEqual({ ...worker, clock: 6, clockBefore: 0, ...sums });
    expect(twice).toMatchObject({ stalenessSum: 8, stalenessMax: 3, pushes: 4 });
    const returned = { ...worker, incarnation: 2 };
    const again = addReport(twice, returned, { ...report, clock: 1 }, 1, false);
    expect(again.workers.get(4)).toMatchObject({ clock: 1, clockBefore: 6, batches: 4 });
    expect(addReport(again, returned, report, 1, false).workers.get(4)).toMatchObject({ clock: 3, clockBefore: 6 });
    // Steps are the run's: a worker that returns goes on where the others are.
    const step = addReport(twice, returned, { ...report, clock: 9 }, 1, true);
    expect(step.workers.get(4)).toMatchObject({ clock: 9, clockBefore: 0 });
  });
});
