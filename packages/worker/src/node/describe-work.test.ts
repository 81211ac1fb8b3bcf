import { acceptorOf, workDescribedSchema } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import type { ClientWait } from "../client/wait-list.ts";
import { describeWork, type WorkFacts } from "./describe-work.ts";
import type { Doing } from "./doings.ts";

const base: WorkFacts = {
  ...{ now: 5_000, phase: "training", heldSinceMs: 1_000, failure: "", doings: [], exchanges: [] },
  ...{ hasSlots: true, awaitsCuts: false },
};
const doing = (activity: Doing["activity"], sinceMs = 4_000): Doing => ({ activity, detail: "", sinceMs });
const exchange = (reason: string): ClientWait => ({
  ...{ waiter: "worker-1", waitingFor: "shard 0 on server-1 (a:1)", shard: 0, server: "server-1" },
  ...{ reason, sinceMs: 3_000, attempt: 1 },
});

describe("what a worker says it does", () => {
  const cases: readonly [string, Partial<WorkFacts>, string, number | null][] = [
    ["loads data until it is prepared", { phase: "preparing" }, "preparing", 4_000],
    ["computes", { doings: [doing("computing")] }, "computing", 1_000],
    [
      "computes while its exchanges go on",
      { doings: [doing("computing")], exchanges: [exchange("push of clock 3")] },
      "computing",
      1_000,
    ],
    [
      "has stopped at the gate while it pulls",
      { doings: [doing("gated")], exchanges: [exchange("pull of clock 3")] },
      "gated",
      1_000,
    ],
    ["computes beyond the gate when nothing is pulled any more", { doings: [doing("gated")] }, "computing", 1_000],
    ["exchanges", { exchanges: [exchange("pull of clock 3")] }, "exchanging", 2_000],
    ["evaluates, whatever else is on its way", { doings: [doing("asking"), doing("evaluating")] }, "evaluating", 1_000],
    [
      "has no lease while it asks for batches",
      { doings: [doing("asking"), doing("without_lease")] },
      "without_lease",
      1_000,
    ],
    ["plays a round with its clients", { doings: [doing("with_clients")] }, "with_clients", 1_000],
    ["owns no slot", { hasSlots: false }, "without_slots", null],
    ["waits for the cut of its step", { awaitsCuts: true }, "without_cut", null],
    ["writes the model at the end", { phase: "finishing" }, "writing", null],
    ["evaluates at the end", { phase: "finishing", doings: [doing("evaluating")] }, "evaluating", 1_000],
    ["has failed", { phase: "failed", failure: "out of memory" }, "failed", null],
  ];
  for (const [name, change, activity, forMs] of cases) {
    it(`it ${name}`, () => {
      expect(describeWork({ ...base, ...change })).toMatchObject({ activity, forMs });
    });
  }

  it("fits its schema, however many exchanges it has and however long their stories are", () => {
    const exchanges = Array.from({ length: 500 }, () => exchange("x".repeat(2_000)));
    const work = describeWork({ ...base, failure: "y".repeat(5_000), phase: "failed", exchanges });
    expect(work.exchanges).toHaveLength(64);
    acceptorOf(workDescribedSchema)({ type: "work_described", run: "r", node: "worker-1", work });
  });
});
