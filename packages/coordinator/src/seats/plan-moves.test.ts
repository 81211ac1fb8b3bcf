import type { ShardSeat } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { liveServers, serverHolder as holder, smallJob as job } from "../../../../test/support/live-servers.ts";
import { noteLine } from "../membership/dead-lines.ts";
import { emptyMembership } from "../membership/membership.ts";
import { reasonOf } from "../runs/reason.ts";
import { createRun, type RunState } from "../runs/run-state.ts";
import { completeSettings } from "../settings.ts";
import { advanceSeats } from "./advance-seats.ts";
import { planMoves } from "./plan-moves.ts";
import { newRunServer } from "./run-seats.ts";

const settings = completeSettings({ balanceMs: 2000 });

/** Eight shards of two servers, each with one copy; two servers more have nothing. */
function training(): RunState {
  const shards = Array.from({ length: 8 }, (_, shard) => shard);
  const seats = shards.map((shard): [number, ShardSeat] => {
    const [primary, replica] = shard % 2 === 0 ? [1, 2] : [2, 1];
    return [shard, { shard, term: 1, primary: holder(primary), replicas: [holder(replica)], learners: [] }];
  });
  const known = new Map(shards.map((shard) => [shard, 1]));
  const servers = [1, 2, 3, 4].map((member) => ({
    ...newRunServer({ ...holder(member), name: `server-${member}` }),
    ...(member <= 2 && { known }),
  }));
  return {
    ...createRun({ run: "run-1", submission: "s", job, parameterCount: 80 }, 0),
    ...{ phase: "training", isSeated: true, copies: 1, seatTerm: 1, servers, seats: new Map(seats) },
    placement: {
      term: 1,
      shards: shards.map((shard) => ({ shard, begin: 10 * shard, end: 10 * shard + 10, ...holder(1) })),
    },
    assignments: new Map(
      shards.map((shard) => [shard, { shard, begin: 10 * shard, end: 10 * shard + 10, updates: [] }]),
    ),
  };
}

const moveOf = (run: RunState) => [...run.moves.values()][0];

describe("a move", () => {
  it("that cannot come to its server keeps no other waiting", () => {
    const begun = planMoves(training(), liveServers(4), 10_000, settings);
    expect(moveOf(begun)?.to).toBe(4);
    const { deadLines } = emptyMembership;
    const unreached = { ...liveServers(4), deadLines: noteLine(deadLines, { from: 1, to: 4, forMs: 2000 }, 10_500) };
    const noLine = { ...unreached, deadLines: noteLine(unreached.deadLines, { from: 2, to: 4, forMs: 2000 }, 10_500) };
    const servers = begun.servers.map((each) => (each.member === 4 ? { ...each, refuses: true } : each));
    for (const [run, members] of [
      [{ ...begun, servers }, liveServers(4)],
      [begun, noLine],
      [begun, liveServers(4, [4])],
    ] as const) {
      expect(planMoves(run, members, 10_600, settings).moves.size).toBe(0);
      expect(moveOf(planMoves(run, members, 12_100, settings))?.to).toBe(3);
    }
  });

  it("goes on while its server is filled, and is named when it lasts", () => {
    const begun = advanceSeats(planMoves(training(), liveServers(4), 10_000, settings), liveServers(4), 100, settings);
    expect([...begun.seats.values()].filter(({ learners }) => learners.length > 0)).toHaveLength(1);
    const later = planMoves(begun, liveServers(4), 14_000, settings);
    expect(moveOf(later)).toEqual(moveOf(begun));
    expect(reasonOf(later, 14_000)).not.toContain("on its way");
    const [shard, { from }] = [...begun.moves][0] ?? [-1, { from: -1 }];
    const primary = begun.seats.get(shard)?.primary.node;
    expect(reasonOf(later, 22_345)).toContain(
      `shard ${shard} is on its way from server-${from} to server-4 (${primary} has not confirmed term 2) since 12.3 s`,
    );
  });
});
