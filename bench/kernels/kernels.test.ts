import { describe, expect, it } from "vitest";
import type { BenchmarkContext } from "../frame/report.ts";
import { kernelCases, measureCases } from "./index.ts";
import { createPeak } from "./peak.ts";

const context: BenchmarkContext = {
  say: () => undefined,
  now: () => performance.now(),
  turns: { rounds: 1, turnMs: 0.1 },
};

describe("the kernels benchmark", () => {
  it("measures every case beside its limits, also where the peers are missing", async () => {
    const peers = { kind: "missing", reason: "the registry is away" } as const;
    const report = await measureCases(kernelCases, peers, context);
    for (const { name } of kernelCases) {
      const rows = report.rows.filter((row) => row.name === name);
      expect(rows.length, name).toBeGreaterThan(0);
      for (const row of rows) expect(row.value, name).toBeGreaterThan(0);
    }
    expect(report.notes.join(" ")).toContain("No peers: the registry is away.");
    // A few seconds on an idle machine.
  }, 120_000);

  it("leaves out what was not asked for", async () => {
    const peers = { kind: "missing", reason: "none" } as const;
    const report = await measureCases(kernelCases, peers, { ...context, only: "matmulTransposeA 64×128×10" });
    expect(new Set(report.rows.map((row) => row.name))).toEqual(new Set(["matmulTransposeA 64×128×10"]));
  });

  it("has a peak of multiply-adds on registers for each arithmetic", () => {
    for (const build of ["relaxed", "baseline"] as const) expect(createPeak(build)()).toBeTypeOf("number");
  });
});
