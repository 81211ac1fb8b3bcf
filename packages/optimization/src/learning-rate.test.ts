import { describe, expect, it } from "vitest";
import { loadVectors } from "../../../test/support/vectors.ts";
import { learningRateAt, parseScheduleSpec } from "./index.ts";

interface ScheduleCase {
  readonly name: string;
  readonly options: Readonly<Record<string, number>>;
  readonly lr: readonly number[];
}

const { baseLr, cases } = loadVectors<{ baseLr: number; cases: ScheduleCase[] }>("schedules");

describe("a learning-rate schedule", () => {
  it.each(cases)("equals PyTorch's within 1e-12 relative: $name", ({ name, options, lr }) => {
    const { minLr, ...rest } = options;
    const schedule = parseScheduleSpec({ name, ...rest, ...(minLr === undefined ? {} : { minimum: minLr }) });
    lr.forEach((wanted, step) => {
      expect(Math.abs(learningRateAt(schedule, baseLr, step) / wanted - 1)).toBeLessThan(1e-12);
    });
  });

  it("stays at its end", () => {
    expect(learningRateAt({ name: "cosine", totalSteps: 10, minimum: 0.1 }, 1, 1_000)).toBeCloseTo(0.1, 12);
    expect(learningRateAt({ name: "linear-warmup", warmupSteps: 10 }, 1, 1_000)).toBe(1);
    expect(learningRateAt({ name: "constant" }, 0.3, 1_000)).toBe(0.3);
  });

  it("means the same before and after its defaults are filled in", () => {
    for (const spec of [
      { name: "step", stepSize: 3 },
      { name: "cosine", totalSteps: 7 },
      { name: "linear-warmup", warmupSteps: 4 },
    ] as const) {
      for (let step = 0; step < 9; step++) {
        expect(learningRateAt(spec, 0.5, step)).toBe(learningRateAt(parseScheduleSpec(spec), 0.5, step));
      }
    }
  });

  it.each([
    [{ name: "warmup" }, "schedule.name"],
    [{ name: "step", stepSize: 0 }, "schedule.stepSize"],
    [{ name: "step" }, "schedule.stepSize"],
    [{ name: "cosine", totalSteps: 2.5 }, "schedule.totalSteps"],
    [{ name: "linear-warmup", warmupSteps: 4, startFactor: 0 }, "schedule.startFactor"],
  ])("refuses %j and names the field", (spec, field) => {
    expect(() => parseScheduleSpec(spec)).toThrow(expect.objectContaining({ details: { field } }));
  });
});
