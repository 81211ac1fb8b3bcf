import { describe, expect, it } from "vitest";
import type { ShardSummary } from "@shoal/protocol";
import { checkJob } from "../job/check-job.ts";
import { createLedger } from "../leases/ledger.ts";
import { awaitsCounts, lostText, noteApplied } from "./lost-batches.ts";
import { createRun, type RunState } from "./run-state.ts";

const holder = { member: 1, incarnation: 1, node: "server-1", endpoint: "server-1" };
const seatOf = (shard: number, term: number) => ({ shard, term, primary: holder, replicas: [], learners: [] });

function runWith(acknowledge: "memory" | "replicated", seatTerm: number): RunState {
  const job = checkJob({
    name: "forgetful",
    model: { inputs: 4, layers: [{ type: "dense", outputs: 2 }], loss: { type: "softmax_cross_entropy" } },
    data: { type: "csv", file: "data.csv", labelColumn: "label" },
    optimizer: { name: "sgd", learningRate: 0.1 },
    durability: { replicas: 1, acknowledge },
  });
  const run = createRun({ run: "forgetful-1", submission: "s", job, parameterCount: 10 }, 0);
  const seats = new Map([0, 1].map((shard) => [shard, seatOf(shard, seatTerm)]));
  return { ...run, phase: "finishing", copies: 1, hostingTerm: 1, seatTerm, seats, ledger: createLedger(12) };
}

function summaryOf(shard: number, batchesApplied: number, term: number): ShardSummary {
  const figures = { version: 9, initialized: true, duplicates: 0, rejected: 0, stalenessMean: 0, stalenessMax: 0 };
  const vitals = { stalenessP95: 0, gradientNorm: null, updateRatio: null, bound: null, waits: [] };
  const seat = { term, role: "primary", index: 9, caughtUp: [] } as const;
  return { ...figures, ...vitals, bytesMoved: 0, shard, batchesApplied, seat };
}

describe("batches that were lost with a primary", () => {
  it("are counted before the run completes, and named by shard", () => {
    const run = runWith("memory", 3);
    expect(awaitsCounts(run)).toBe(true);
    const half = noteApplied(run, [summaryOf(0, 12, 3)]);
    expect([awaitsCounts(half), lostText(half)]).toEqual([true, ""]);
    const counted = noteApplied(half, [summaryOf(1, 10, 3)]);
    expect(awaitsCounts(counted)).toBe(false);
    expect(lostText(counted)).toBe(
      "; batches that were lost with a primary, because acknowledgements waited for no replica: 2 on shard 1",
    );
  });

  it("are not counted by who led before", () => {
    const counted = noteApplied(runWith("memory", 3), [summaryOf(0, 12, 2), summaryOf(1, 12, 3)]);
    expect(awaitsCounts(counted)).toBe(true);
    expect(awaitsCounts(noteApplied(counted, [summaryOf(0, 12, 3)]))).toBe(false);
  });

  it("cannot be where acknowledgements wait for replicas, or no seat has changed", () => {
    expect(awaitsCounts(runWith("replicated", 3))).toBe(false);
    expect(awaitsCounts(runWith("memory", 1))).toBe(false);
  });
});
