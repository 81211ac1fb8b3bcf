import type { SeatHolder, ShardSeat } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { checkJob } from "../job/check-job.ts";
import { newRunServer, unhosted, unseated } from "../seats/run-seats.ts";
import { createRun, type RunState } from "./run-state.ts";
import { serverReplied } from "./server-replies.ts";

const holder = (member: number): SeatHolder => ({
  ...{ member, incarnation: 1 },
  node: `server-${member}`,
  endpoint: `server-${member}:1`,
});

/** Server 2 had a copy of shard 0 under term 15, was taken off the seat by term 18, and is to be filled again. */
function filledAgain(): RunState {
  const job = checkJob({
    name: "a",
    model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
    data: { type: "digits", samples: 10, testSamples: 10 },
    optimizer: { name: "sgd", learningRate: 1 },
  });
  const seat: ShardSeat = { shard: 0, term: 22, primary: holder(1), replicas: [], learners: [holder(2)] };
  const server = (member: number, term: number): RunState["servers"][number] => ({
    ...newRunServer({ ...holder(member), name: `server-${member}` }),
    known: new Map([[0, term]]),
  });
  return {
    ...createRun({ run: "a-1", submission: "s", job, parameterCount: 7850 }, 0),
    ...{ phase: "training", isSeated: true, seats: new Map([[0, seat]]), seatTerm: 22 },
    assignments: new Map([[0, { shard: 0, begin: 0, end: 7850, updates: [] }]]),
    servers: [server(1, 22), server(2, 15)],
  };
}

describe("a server's answer about its seats", () => {
  it("that comes after a newer seat, from before it, leads to the copy being hosted again", () => {
    const reply = { type: "shards_seated", run: "a-1", node: "server-2", seats: [{ shard: 0, term: 18 }] } as const;
    const run = serverReplied(filledAgain(), { ...reply, missing: [0] }, 0);
    const server = run.servers[1];
    expect(server && unhosted(run, server).map(({ shard }) => shard)).toEqual([0]);
    expect(server && unseated(run, server)).toEqual([]);
  });

  it("of a copy that is there leads to its being told the newer seat", () => {
    const reply = { type: "shards_seated", run: "a-1", node: "server-2", seats: [{ shard: 0, term: 18 }] } as const;
    const run = serverReplied(filledAgain(), reply, 0);
    const server = run.servers[1];
    expect(server && unhosted(run, server)).toEqual([]);
    expect(server && unseated(run, server).map(({ term }) => term)).toEqual([22]);
  });
});

describe("a server's failure", () => {
  const failed = (code: "run_not_found" | "invalid_argument") =>
    ({ type: "hosting_failed", run: "a-1", node: "server-1", error: { code, message: code, details: {} } }) as const;

  it("ends the run when it cannot do what it was told", () => {
    expect(serverReplied(filledAgain(), failed("invalid_argument"), 0).phase).toBe("failed");
  });

  it("changes nothing when it has begun anew, and hosts nothing of what its life before did", () => {
    const run = filledAgain();
    expect(serverReplied(run, failed("run_not_found"), 0)).toBe(run);
  });
});
