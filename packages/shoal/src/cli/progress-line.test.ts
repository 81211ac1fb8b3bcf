import type { RunStatus } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createOutput } from "./output.ts";
import { createProgressLine, formatDuration, progressText, timeLeftMs } from "./progress-line.ts";

function statusOf(changes: Partial<RunStatus>): RunStatus {
  return {
    run: "mnist-1",
    name: "mnist",
    phase: "training",
    reason: "two workers train",
    elapsedMs: 2_000,
    batchesDone: 100,
    totalBatches: 400,
    step: 50,
    totalSteps: 200,
    samples: 6_400,
    samplesPerSecond: 3_200,
    loss: 0.25,
    stalenessMean: 0,
    stalenessMax: 0,
    dataSource: "",
    traffic: null,
    snapshots: null,
    servers: [],
    workers: [],
    evaluations: [],
    result: null,
    error: null,
    ...changes,
  };
}

describe("progress line", () => {
  it("shows step, loss, throughput, staleness and time left", () => {
    expect(progressText(statusOf({}))).toBe(
      "step 50/200 (25 %)  loss 0.2500  3,200 samples/s  staleness 0.0 (max 0)  6 s left",
    );
  });

  it("says what is waited for before training begins", () => {
    expect(progressText(statusOf({ phase: "starting", reason: "waits for worker-2" }))).toBe(
      "starting: waits for worker-2",
    );
  });

  it("shows the newest evaluation", () => {
    const evaluations = [
      { step: 50, version: 50, atMs: 1, accuracy: 0.9712, loss: 0.1, metrics: { accuracy: 0.9712 } },
    ];
    expect(progressText(statusOf({ evaluations }))).toContain("test 97.12 %");
  });

  it("knows no time left before the first batch and after the last", () => {
    expect(timeLeftMs(statusOf({ batchesDone: 0 }))).toBeNull();
    expect(timeLeftMs(statusOf({ phase: "finishing" }))).toBeNull();
    expect(timeLeftMs(statusOf({ samplesPerSecond: 0 }))).toBeNull();
  });

  it("tells the time left by the pace of now: a run that was gone on with did its first batches elsewhere", () => {
    // 300 batches of 64 samples.
    expect(timeLeftMs(statusOf({ elapsedMs: 10, samplesPerSecond: 640 }))).toBeCloseTo(30_000, 6);
  });

  it("formats durations by their size", () => {
    expect([900, 61_000, 3_720_000].map(formatDuration)).toEqual(["1 s", "1 min 1 s", "1 h 2 min"]);
  });

  it("writes a plain line at most every two seconds where there is no terminal", () => {
    const written: string[] = [];
    let now = 0;
    const output = createOutput(false, { write: (text: string) => written.push(text) });
    const line = createProgressLine(output, () => now);
    for (const step of [1, 2, 3]) {
      line.show(statusOf({ step }));
      now += 1_000;
    }
    expect(written.map((text) => text.slice(0, 10))).toEqual(["step 1/200", "step 3/200"]);
    expect(written.every((text) => text.endsWith("\n"))).toBe(true);
  });

  it("shows the last step always, and nothing of a run that failed", () => {
    const written: string[] = [];
    const line = createProgressLine(createOutput(false, { write: (text: string) => written.push(text) }), () => 0);
    line.show(statusOf({ step: 199 }));
    line.show(statusOf({ phase: "failed", step: 0, totalSteps: 0 }));
    line.show(statusOf({ phase: "completed", step: 200 }));
    expect(written.map((text) => text.slice(0, 12))).toEqual(["step 199/200", "step 200/200"]);
  });

  it("keeps the time left on a terminal of 80 columns", () => {
    const evaluations = [
      { step: 2300, version: 50, atMs: 1, accuracy: 0.9712, loss: 0.1, metrics: { accuracy: 0.9712 } },
    ];
    const wide = statusOf({ step: 2300, totalSteps: 2345, samplesPerSecond: 20_000, evaluations });
    expect(progressText(wide)).toMatch(/test 97\.12 % {2}1 s left$/);
    expect(progressText(wide, 79)).toBe("step 2300/2345  loss 0.2500  20,000/s  staleness 0.0  test 97.12 %  1 s left");
    expect(progressText(wide, 70)).toBe("step 2300/2345  loss 0.2500  20,000/s  staleness 0.0  1 s left");
  });

  const terminal = (columns: number, written: string[]) =>
    createOutput(false, { isTTY: true, columns, write: (text: string) => written.push(text) });

  it("redraws in place on a terminal, within its width", () => {
    const written: string[] = [];
    createProgressLine(terminal(20, written), () => 0).show(statusOf({}));
    expect(written).toEqual(["\r\u001b[2Kstep 50/200  loss 0"]);
  });

  it("takes a terminal that was never told its size for a usual one", () => {
    expect(terminal(0, []).width).toBe(80);
  });

  it("stays below other lines on a terminal", () => {
    const written: string[] = [];
    const output = terminal(10, written);
    const line = createProgressLine(output, () => 0);
    line.show(statusOf({}));
    output.line("data: MNIST");
    line.end();
    output.line("done");
    const live = "\r\u001b[2Kstep 50/2";
    expect(written).toEqual([live, "\r\u001b[2Kdata: MNIST\n", live, "\n", "done\n"]);
  });
});
