import { acceptorOf, explainReplySchema, type ShardSummary, type WorkDescription } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { explainWaits } from "./explain.ts";
import type { Answer, ServerFacts, WaitFacts, WorkerFacts } from "./wait-facts.ts";

const answered = <T>(value: T): Answer<T> => ({ kind: "answered", value });

function worker(name: string, work: Partial<WorkDescription> | null, change: Partial<WorkerFacts> = {}): WorkerFacts {
  const doing: WorkDescription = { activity: "computing", detail: "", forMs: 1_800, exchanges: [], ...work };
  return {
    ...{ name, alive: true, started: true, excluded: null, sinceHeartbeatMs: 900, clock: 511 },
    ...{ timesMedian: null, hasLease: false, answer: work === null ? null : answered(doing) },
    ...change,
  };
}

function shard(number: number, waits: ShardSummary["waits"]): ShardSummary {
  const figures = {
    batchesApplied: 0,
    duplicates: 0,
    rejected: 0,
    bytesMoved: 0,
    stalenessMean: 0,
    stalenessMax: 0,
    stalenessP95: 0,
  };
  return {
    ...{ shard: number, version: 512, initialized: true, ...figures },
    ...{ gradientNorm: null, updateRatio: null, bound: null, waits },
  };
}

function server(name: string, shards: readonly ShardSummary[], change: Partial<ServerFacts> = {}): ServerFacts {
  const numbers = shards.map((each) => each.shard);
  const base = { name, alive: true, hosted: true, sinceHeartbeatMs: 100, shards: numbers };
  return { ...base, answer: answered(shards), ...change };
}

function facts(change: Partial<WaitFacts>): WaitFacts {
  const idle = { moving: "", hasEnded: false, isUnmanned: false, finisher: null, servers: [], workers: [] };
  return { run: "r", phase: "training", reason: "training", ...idle, ...change };
}

const exchange = (number: number, name = "server-1"): Partial<WorkDescription> => ({
  activity: "exchanging",
  exchanges: [{ shard: number, server: name, what: "pull of clock 513", forMs: 1_800, attempt: 1 }],
});

const waitOf = (waiter: string, ...waitingFor: string[]): ShardSummary["waits"][number] => ({
  ...{ waiter, waitingFor, reason: `the contribution to step 512 of ${waitingFor.join(", ")}`, forMs: 1_800 },
});

describe("the answer to `shoal why`", () => {
  it("leads from the workers that wait over the shard to the worker that computes", () => {
    const { chains, summary } = explainWaits(
      facts({
        servers: [server("server-1", [shard(1, [waitOf("worker-1", "worker-3")])])],
        workers: [worker("worker-1", exchange(1)), worker("worker-3", {}, { timesMedian: 4.9 })],
      }),
    );
    expect(summary).toBe("waits lead to worker-3");
    expect(chains).toMatchObject([
      {
        cause: "worker-3",
        state: "computing for 1.8 s, 4.9× the median time for a sample, last reported clock 511",
        links: [
          { waiters: ["shard-1"], waitingFor: ["worker-3"], forMs: 1_800 },
          { waiters: ["worker-1"], waitingFor: ["shard-1"], reason: "pull of clock 513" },
        ],
      },
    ]);
  });

  it("names who does not answer, whether somebody waits for it or not", () => {
    const silent = { answer: { kind: "silent", forMs: 1_200 } } as const;
    const { chains, summary } = explainWaits(
      facts({
        servers: [server("server-1", [], silent)],
        workers: [worker("worker-1", exchange(0)), worker("worker-2", null, silent)],
      }),
    );
    expect(chains.map(({ cause, state }) => `${cause}: ${state}`)).toEqual([
      "server-1: no answer for 1.2 s, last heartbeat 0.1 s ago",
    ]);
    expect(summary).toBe("waits lead to server-1; worker-2 does not answer");
  });

  it("takes a replica that a shard waits for as the server that it is", () => {
    const held = { waiter: "worker-1", waitingFor: ["server-2 (replica)"], reason: "server-2 (replica), entry 39" };
    const first = server("server-1", [shard(0, [{ ...held, forMs: 100 }])]);
    const causesOf = (second: ServerFacts): readonly string[] =>
      explainWaits(facts({ servers: [first, second], workers: [worker("worker-1", exchange(0))] })).chains.map(
        ({ cause, state }) => `${cause}: ${state}`,
      );
    expect(causesOf(server("server-2", []))).toEqual(["server-2: answers"]);
    const silent = server("server-2", [], { answer: { kind: "silent", forMs: 1_200 } });
    expect(causesOf(silent)).toEqual(["server-2: no answer for 1.2 s, last heartbeat 0.1 s ago"]);
  });

  it("says of a dead process that nobody listens, and of an ended lease that it has ended", () => {
    const { members } = explainWaits(
      facts({
        workers: [
          worker("worker-1", {}),
          worker("worker-2", null, { answer: { kind: "unreachable" } }),
          worker("worker-3", null, { alive: false, sinceHeartbeatMs: 5_300 }),
        ],
      }),
    );
    expect(members).toMatchObject([
      { name: "worker-2", state: "no answer: nobody listens at its address, last heartbeat 0.9 s ago" },
      { name: "worker-3", state: "its lease has ended, last heartbeat 5.3 s ago" },
      { name: "worker-1" },
    ]);
  });

  it("takes no wait from a worker that computes while a part of its push waits", () => {
    const { chains } = explainWaits(
      facts({
        servers: [
          server("server-1", [shard(0, [waitOf("worker-1", "worker-2")]), shard(1, [waitOf("worker-2", "worker-1")])]),
        ],
        workers: [worker("worker-1", exchange(0)), worker("worker-2", { ...exchange(1), activity: "computing" })],
      }),
    );
    expect(chains.map(({ cause }) => cause)).toEqual(["worker-2"]);
  });

  it("takes an exchange that its shard has not deferred for no wait", () => {
    const { summary } = explainWaits(
      facts({ servers: [server("server-1", [shard(0, [])])], workers: [worker("worker-1", exchange(0))] }),
    );
    expect(summary).toBe("nothing waits; not computing: worker-1");
  });

  it("names the holders of the last leases to a worker without one", () => {
    const { chains } = explainWaits(
      facts({
        workers: [worker("worker-1", { activity: "without_lease" }), worker("worker-2", {}, { hasLease: true })],
      }),
    );
    expect(chains).toMatchObject([{ cause: "worker-2", links: [{ waiters: ["worker-1"] }] }]);
  });

  it("says what a federated round waits for, whatever the workers without a part in it do", () => {
    const detail = "round 7: waits for 3 of 10 contributions (a, b, c), 40 s left";
    const { summary, members } = explainWaits(
      facts({
        workers: [
          worker("worker-1", { activity: "with_clients", detail }),
          worker("worker-2", { activity: "without_slots" }),
        ],
      }),
    );
    expect(summary).toBe(`clients train: ${detail}`);
    expect(members[0]?.state).toContain(`with its clients (${detail})`);
  });

  it("says that nothing waits while every worker has work", () => {
    expect(explainWaits(facts({ workers: [worker("worker-1", {})] })).summary).toBe(
      "nothing waits: every worker has work",
    );
  });

  it("gives the coordinator's reason for a run that has no workers, and the end of one that has ended", () => {
    const unmanned = { isUnmanned: true, reason: "waiting for a worker to join" };
    expect(explainWaits(facts({ phase: "queued", ...unmanned })).summary).toBe("waiting for a worker to join");
    const ended = { hasEnded: true, reason: "server-1 was lost" };
    expect(explainWaits(facts({ phase: "failed", ...ended })).summary).toBe(
      "the run has ended: failed, server-1 was lost",
    );
  });

  it("names those who load the data before training, and who writes the model after it", () => {
    const loading = worker("worker-1", { activity: "preparing" }, { started: false });
    expect(explainWaits(facts({ phase: "starting", workers: [loading] })).chains).toMatchObject([
      { cause: "worker-1", state: "loading data for 1.8 s", links: [{ waiters: ["the run"] }] },
    ]);
    const writing = worker("worker-1", { activity: "writing", forMs: null });
    const { chains } = explainWaits(facts({ phase: "finishing", finisher: "worker-1", workers: [writing] }));
    expect(chains).toMatchObject([{ cause: "worker-1", state: "writing the model" }]);
  });

  it("stays within its schema and the limit of a message, however many wait for however long a reason", () => {
    const long = "x".repeat(256);
    const names = Array.from({ length: 64 }, (_, index) => `worker-${index}-${"n".repeat(50)}`);
    const waits = names.map((waiter) => ({ waiter, waitingFor: names, reason: waiter + long, forMs: 1 }));
    const shards = Array.from({ length: 200 }, (_, number) =>
      shard(
        number,
        waits.map((wait) => ({ ...wait, reason: wait.reason.slice(0, 256) })),
      ),
    );
    const workers = names.map((name) => worker(name, { detail: long }));
    const explanation = explainWaits(facts({ servers: [server("server-1", shards)], workers }));
    acceptorOf(explainReplySchema)({ type: "run_explained", explanation });
    expect(JSON.stringify(explanation).length).toBeLessThan(256 * 1024);
  });
});
