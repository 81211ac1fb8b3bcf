import type { ShardSeat } from "@shoal/protocol";
import { checkJob } from "../job/check-job.ts";
import { describe, expect, it } from "vitest";
import { emptyMembership, type Member, type MembershipState } from "../membership/membership.ts";
import { noSigns } from "../membership/signs.ts";
import { createRun, type RunState } from "../runs/run-state.ts";
import { completeSettings } from "../settings.ts";
import { awaitCopies } from "./await-copies.ts";
import { newRunServer } from "./run-seats.ts";

const settings = completeSettings();
const holder = (member: number) => ({ member, incarnation: 1, node: `server-${member}`, endpoint: `server-${member}` });

function serversOf(count: number, leaving = 0): MembershipState {
  const members = Array.from({ length: count }, (_, index): [number, Member] => {
    const { member, incarnation, node: name, endpoint } = holder(index + 1);
    const life = { alive: true, ready: true, heardAtMs: 0, leaving: index < leaving, ...noSigns };
    return [
      member,
      { ...{ member, incarnation, name, role: "server", endpoint, control: `${name}/control` }, ...life },
    ];
  });
  return { ...emptyMembership, members: new Map(members) };
}

const model = { inputs: 4, layers: [{ type: "dense", outputs: 2 }], loss: { type: "softmax_cross_entropy" } } as const;
const job = checkJob({
  name: "a",
  model,
  data: { type: "csv", file: "a.csv", labelColumn: "b" },
  batchSize: 1,
  optimizer: { name: "sgd", learningRate: 0.1 },
});

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
    expect(awaitCopies(startingWith([]), serversOf(2), 10, settings).awaitsCopies).toBe(true);
    expect(awaitCopies(startingWith([2]), serversOf(2), 10, settings).awaitsCopies).toBe(false);
    expect(awaitCopies(startingWith([]), serversOf(1), 10, settings).awaitsCopies).toBe(false);
    expect(awaitCopies(startingWith([]), serversOf(2, 1), 10, settings).awaitsCopies).toBe(false);
    const refusing = { ...newRunServer({ member: 2, incarnation: 1, name: "server-2" }), refuses: true };
    expect(awaitCopies(startingWith([], { servers: [refusing] }), serversOf(2), 10, settings).awaitsCopies).toBe(false);
  });

  it("are not waited for for ever", () => {
    const { serverTimeoutMs } = settings;
    expect(awaitCopies(startingWith([]), serversOf(2), serverTimeoutMs - 1, settings).awaitsCopies).toBe(true);
    expect(awaitCopies(startingWith([]), serversOf(2), serverTimeoutMs, settings).awaitsCopies).toBe(false);
  });
});
