import { createMemoryStore } from "@shoal/actors";
import { encodePlainData, maximumValueBytes } from "@shoal/actors/browser";
import {
  contributionId,
  defaultOrders,
  mostCounted,
  startRound,
  type Member,
  type RoundPlan,
  type RunningState,
} from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { mostUncounted } from "../control/control-variate.ts";
import { mostKept } from "../population/kept-standings.ts";
import { mostOutcomes, taskKey, type TaskRecord } from "./task-record.ts";

/** Clients that a round can hold, and as long a name as one can have. */
const clients = 1_024;
const name = (index: number): string => `${index}-${"x".repeat(63)}`.slice(0, 63);
const plan: RoundPlan = {
  ...{ arrival: "buffer", goal: 1, minimum: 1, invited: clients, carriesOver: true, maximumStaleness: 1_000 },
  ...{ selectionTimeoutMs: 1e8, configurationTimeoutMs: 1e8, reportingTimeoutMs: 1e8, commitTimeoutMs: 1e8 },
};
const nowMs = 1_700_000_000_000.5;
const round = 1_000_000;

function fullRound(): RunningState {
  const member = (_: unknown, index: number): Member => ({
    ...{ client: name(index), status: "training", sinceRound: round - 1, byMs: nowMs },
  });
  const half = Array.from({ length: clients / 2 }, member);
  const reports = half.map(({ client, sinceRound }) => {
    return { client: `r${client}`.slice(0, 63), contribution: contributionId(client, "digits", round), sinceRound };
  });
  const step = startRound({ ...plan, goal: clients }, round, nowMs, { members: half, reports });
  return step.state as RunningState;
}

describe("the record of a task", () => {
  it("fits a value of the store with as many clients as a round can hold, and all that it remembers", async () => {
    const gone = Array.from({ length: 256 }, (_, index) => name(2_000 + index));
    const record: TaskRecord = {
      ...{ term: 1e6, step: round, round: { ...fullRound(), gone } },
      versions: Array.from(
        { length: plan.maximumStaleness + 2 },
        (_, index) => [round - index, round - index] as const,
      ),
      outcomes: Array.from({ length: mostOutcomes }, (_, index) => {
        return [contributionId(name(index), "digits", round), true, round] as const;
      }),
      lasting: {
        ...{ clip: 0.123456789, log: { head: { sequence: round, hash: "f".repeat(64) }, round } },
        counts: {
          others: round,
          clients: Array.from({ length: mostCounted }, (_, index) => [`${index}`.padStart(12, "f"), round] as const),
        },
        ledger: { orders: defaultOrders, divergences: defaultOrders.map((order) => order / 3), rounds: round },
        held: {
          asOfMs: nowMs,
          clients: Array.from({ length: mostKept }, (_, index) => [name(index), 2.345, nowMs, nowMs, 12] as const),
        },
        control: {
          ...{ epoch: round, since: round, isLeft: false },
          uncounted: Array.from({ length: mostUncounted }, (_, index) => [name(index), round] as const),
        },
      },
    };
    expect((record.round as RunningState).members).toHaveLength(clients / 2);
    const { length } = encodePlainData(record, { what: "a record", maximumBytes: 2 ** 20, allowRefs: false });
    expect(length).toBeLessThan(maximumValueBytes);
    expect(length).toBeGreaterThan(maximumValueBytes / 2); // it is all there
    await createMemoryStore().create(taskKey("r1"), record);
  });
});
