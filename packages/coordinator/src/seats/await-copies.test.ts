import type { ShardSeat } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { liveServers, serverHolder as holder, smallJob as job } from "../../../../test/support/live-servers.ts";
import { createRun, type RunState } from "../runs/run-state.ts";
import { completeSettings } from "../settings.ts";
import { awaitCopies } from "./await-copies.ts";
import { newRunServer } from "./run-seats.ts";

const settings = completeSettings();

/** @param replicas members that have a copy of the only shard, which server 1 leads */
function startingWith(replicas: readonly number[], change: Partial<RunState> = {}): RunState {
  const seat: ShardSeat = { shard: 0, term: 1, primary: holder(1), replicas: replicas.map(holder), learners: [] };
  return {
    ...createRun({ run: "run-1", submission: "s", job, parameterCount: 10 }, 0),
    ...{ phase: "starting", copies: 1, awaitsCopies: true, startedAtMs: 0, seats: new Map([[0, seat]]) },
    ...change,
  };
}

describe("the copies of a run that goes on", () => {
  it("are waited for as long as a server can take them", () => {
    expect(awaitCopies(startingWith([]), liveServers(2), 10, settings).awaitsCopies).toBe(true);
    expect(awaitCopies(startingWith([2]), liveServers(2), 10, settings).awaitsCopies).toBe(false);
    expect(awaitCopies(startingWith([]), liveServers(1), 10, settings).awaitsCopies).toBe(false);
    expect(awaitCopies(startingWith([]), liveServers(2, [1]), 10, settings).awaitsCopies).toBe(false);
    const refusing = { ...newRunServer({ member: 2, incarnation: 1, name: "server-2" }), refuses: true };
    expect(awaitCopies(startingWith([], { servers: [refusing] }), liveServers(2), 10, settings).awaitsCopies).toBe(
      false,
    );
  });

  it("are not waited for for ever", () => {
    const { serverTimeoutMs } = settings;
    expect(awaitCopies(startingWith([]), liveServers(2), serverTimeoutMs - 1, settings).awaitsCopies).toBe(true);
    expect(awaitCopies(startingWith([]), liveServers(2), serverTimeoutMs, settings).awaitsCopies).toBe(false);
  });
});
