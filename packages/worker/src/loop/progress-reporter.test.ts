import { createSimulatedClock, runSimulation, simulate } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { BatchRange, ProgressFigures } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createProgressReporter, type ProgressReporter } from "./progress-reporter.ts";

interface Heard {
  readonly report: number;
  readonly atMs: number;
  readonly completed: readonly BatchRange[];
  readonly samples: number;
}

function scene(answerMs: (report: number) => number | ShoalError = () => 1) {
  const clock = createSimulatedClock();
  const abort = new AbortController();
  const heard: Heard[] = [];
  const reportProgress = async (
    report: number,
    completed: readonly BatchRange[],
    { samples }: ProgressFigures,
  ): Promise<void> => {
    heard.push({ report, atMs: clock.now(), completed, samples });
    const answer = answerMs(report);
    if (typeof answer !== "number") throw answer;
    await new Promise<void>((resolve) => void clock.after(answer, resolve));
  };
  const conversation = { reportProgress };
  const reporter = createProgressReporter({ clock, conversation, signal: abort.signal });
  return { clock, abort, heard, reporter };
}

function finishBatch(reporter: ProgressReporter, batch: number): void {
  reporter.completed({ begin: batch, end: batch + 1 });
  reporter.add({ clock: batch + 1, samples: 10, loss: 1 });
}

describe("a progress reporter", () => {
  it("gathers what happens within 100 ms into one report", async () => {
    const { clock, heard, reporter } = scene();
    for (let batch = 0; batch < 30; batch += 1) clock.after(batch * 10, () => finishBatch(reporter, batch));
    await runSimulation(clock);
    expect(heard.map(({ atMs }) => atMs)).toEqual([100, 200, 300]);
    expect(heard.flatMap(({ completed }) => completed).map(({ begin, end }) => end - begin)).toHaveLength(3);
    expect(heard.reduce((sum, { samples }) => sum + samples, 0)).toBe(300);
    expect(heard.map(({ report }) => report)).toEqual([1, 2, 3]);
  });

  it("has one report under way, and goes on adding up while the coordinator is slow", async () => {
    const { clock, heard, reporter } = scene((report) => (report === 1 ? 1000 : 1));
    for (let batch = 0; batch < 20; batch += 1) clock.after(batch * 50, () => finishBatch(reporter, batch));
    await runSimulation(clock);
    expect(heard.map(({ atMs }) => atMs)).toEqual([100, 1100]);
    expect(heard.at(-1)?.completed).toHaveLength(1);
  });

  it("flushes at once and settles when everything is recorded", async () => {
    const { clock, heard, reporter } = scene(() => 30);
    finishBatch(reporter, 0);
    await simulate(clock, reporter.flush());
    expect(clock.now()).toBe(30);
    expect(heard).toHaveLength(1);
    finishBatch(reporter, 1);
    await runSimulation(clock, { forMs: 50 });
    expect(heard).toHaveLength(1); // the interval counts again after a flush
    await simulate(clock, reporter.flush());
    expect(heard).toHaveLength(2);
  });

  it("hands a refusal to whoever adds or flushes next", async () => {
    const refusal = new ShoalError("internal", "the coordinator broke");
    const { clock, reporter } = scene(() => refusal);
    finishBatch(reporter, 0);
    await runSimulation(clock);
    expect(() => finishBatch(reporter, 1)).toThrow(/coordinator broke/);
    await expect(reporter.flush()).rejects.toMatchObject({ code: "internal" });
  });

  it("ends a flush with `cancelled` when the run is stopped", async () => {
    const { clock, abort, heard, reporter } = scene();
    finishBatch(reporter, 0);
    abort.abort();
    await expect(simulate(clock, reporter.flush())).rejects.toMatchObject({ code: "cancelled" });
    finishBatch(reporter, 1);
    await runSimulation(clock);
    expect(heard.length).toBeLessThanOrEqual(1);
  });
});
