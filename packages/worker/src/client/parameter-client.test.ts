import { createRandom, createSimulatedClock, simulate } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { CallOptions, LinkFactory, ParameterLink, Placement, PushRequest } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import type { Contribution } from "./contribution.ts";
import { createParameterClient, type ParameterClient } from "./parameter-client.ts";

const identity = { run: "r", worker: 1, incarnation: 1, name: "worker-1" };
const placement: Placement = {
  term: 1,
  shards: [
    { shard: 0, begin: 0, end: 2, node: "server-1", endpoint: "a:1" },
    { shard: 1, begin: 2, end: 4, node: "server-2", endpoint: "b:1" },
    { shard: 2, begin: 4, end: 6, node: "server-1", endpoint: "a:1" },
  ],
};
const computed = { startedAtMs: 0, endedAtMs: 1, samples: 8, loss: 2 };
const contribution: Contribution = {
  clock: 3,
  batch: 7,
  samples: 8,
  gradient: Float32Array.of(1, 2, 3, 4, 5, 6),
  base: [3, 4, 5],
  computed,
};

type Answer = (request: PushRequest, options: CallOptions, endpoint: string) => Promise<{ version: number }>;

/** Links whose pushes are answered by a script; all other calls are refused. */
function scripted(answer: Answer): LinkFactory & { readonly connected: string[]; readonly closed: string[] } {
  const connected: string[] = [];
  const closed: string[] = [];
  const refuse = (): Promise<never> => Promise.reject(new ShoalError("internal", "not in this script"));
  return {
    connected,
    closed,
    connect(endpoint): ParameterLink {
      connected.push(endpoint);
      return {
        initialize: refuse,
        pull: async ({ into, shard }) => {
          into.fill(shard + 1);
          return Promise.resolve({ type: "values", version: shard + 10 });
        },
        pushPull: refuse,
        push: async (request, options) => {
          const { version } = await answer(request, options, endpoint);
          return { type: "push_applied", version, staleness: 0 };
        },
        close: () => Promise.resolve(void closed.push(endpoint)),
      };
    },
  };
}

function clientOf(links: LinkFactory, clock = createSimulatedClock()): ParameterClient {
  return createParameterClient({ identity, placement, links, clock, random: createRandom(1) });
}

describe("a parameter client", () => {
  it("cuts a push at the shards' key ranges, last keys first, over one link for each server", async () => {
    const seen: PushRequest[] = [];
    const links = scripted((request) => Promise.resolve({ version: seen.push(request) }));
    const replies = await clientOf(links).push(contribution);
    expect(
      seen.map(({ shard, sequence, baseVersion, gradient }) => [shard, sequence, baseVersion, ...gradient]),
    ).toEqual([
      [2, 1, 5, 5, 6],
      [1, 1, 4, 3, 4],
      [0, 1, 3, 1, 2],
    ]);
    expect(links.connected).toEqual(["a:1", "b:1"]);
    expect(replies.map((reply) => reply.version)).toEqual([3, 2, 1]);
  });

  it("pulls the whole vector and tells each shard's version", async () => {
    const into = new Float32Array(6);
    const versions = await clientOf(scripted(() => Promise.reject(new Error("unused")))).pull({ clock: 3, into });
    expect([...into]).toEqual([1, 1, 2, 2, 3, 3]);
    expect(versions).toEqual([10, 11, 12]);
  });

  it("sends no payload for a contribution without samples", async () => {
    const lengths: number[] = [];
    const links = scripted((request) => Promise.resolve({ version: lengths.push(request.gradient.length) }));
    await clientOf(links).push({ ...contribution, samples: 0 });
    expect(lengths).toEqual([0, 0, 0]);
  });

  it("repeats a lost push with the same sequence number and counts on after it", async () => {
    const clock = createSimulatedClock();
    const sequences: number[] = [];
    const client = clientOf(
      scripted(({ shard, sequence }) => {
        if (shard !== 1) return Promise.resolve({ version: 1 });
        sequences.push(sequence);
        if (sequences.length < 4) return Promise.reject(new ShoalError("transport_lost", "the connection broke"));
        return Promise.resolve({ version: 1 });
      }),
      clock,
    );
    await simulate(clock, client.push(contribution));
    expect(sequences).toEqual([1, 1, 1, 1]);
    await client.push(contribution);
    expect(sequences).toEqual([1, 1, 1, 1, 2]);
  });

  it("gives up at its deadline, names shard, server and whom the shard waited for, and lists the wait until then", async () => {
    const clock = createSimulatedClock();
    const waiting = new ShoalError("deadline_exceeded", "shard 1 waits for worker-2", { waitedFor: "worker-2" });
    const client = clientOf(
      scripted(async ({ shard }, { deadlineMs }) => {
        if (shard !== 1) return { version: 1 };
        await new Promise<void>((resolve) => void clock.after(deadlineMs, resolve));
        throw waiting;
      }),
      clock,
    );
    clock.after(30_000, () => {
      expect(client.waits()).toEqual([
        {
          waiter: "worker-1",
          waitingFor: "shard 1 on server-2 (b:1)",
          shard: 1,
          server: "server-2",
          reason: "push of clock 3; last attempt: [deadline_exceeded] shard 1 waits for worker-2",
          sinceMs: 0,
          attempt: 3,
        },
      ]);
    });
    const failure = await simulate(
      clock,
      client.push(contribution).catch((error: unknown) => error),
    );
    expect(failure).toMatchObject({ code: "deadline_exceeded", details: { shard: 1, server: "server-2" } });
    expect(String(failure)).toMatch(
      /worker-1 gave up push of clock 3 to shard 1 of run r on server-2 \(b:1\).*worker-2/,
    );
    expect(clock.now()).toBeLessThanOrEqual(60_001);
    expect(client.waits()).toEqual([]);
  });

  it("sends later attempts to the place of a newer placement and closes the links it no longer needs", async () => {
    const clock = createSimulatedClock();
    const links = scripted((_request, _options, endpoint) =>
      endpoint === "b:1"
        ? Promise.reject(new ShoalError("unknown_shard", "moved away"))
        : Promise.resolve({ version: endpoint === "c:1" ? 2 : 1 }),
    );
    const client = clientOf(links, clock);
    const moved = placement.shards.map((shard) => (shard.shard === 1 ? { ...shard, endpoint: "c:1" } : shard));
    clock.after(100, () => client.updatePlacement({ term: 2, shards: moved }));
    const replies = await simulate(clock, client.push(contribution));
    expect(replies.map((reply) => reply.version)).toEqual([1, 2, 1]);
    expect(links.closed).toEqual(["b:1"]);
  });

  it("ends what is under way with a server that lost a shard and repeats it at the new one, the same push at once", async () => {
    const clock = createSimulatedClock();
    const pushes: [string, number, number][] = [];
    const links = scripted((request, { signal }, endpoint) => {
      if (request.shard !== 1) return Promise.resolve({ version: 1 });
      pushes.push([endpoint, request.sequence, clock.now()]);
      if (endpoint === "c:1") return Promise.resolve({ version: 2 });
      return new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(ShoalError.from(signal.reason)));
      });
    });
    const client = clientOf(links, clock);
    const movedTo = (term: number, endpoint: string): Placement => ({
      term,
      shards: placement.shards.map((shard) => (shard.shard === 1 ? { ...shard, endpoint } : shard)),
    });
    clock.after(100, () => client.updatePlacement(movedTo(4, "b:2")));
    clock.after(200, () => client.updatePlacement(movedTo(3, "d:1")));
    clock.after(300, () => client.updatePlacement(movedTo(5, "c:1")));
    await simulate(clock, client.push(contribution));
    expect(pushes).toEqual([
      ["b:1", 1, 0],
      ["b:2", 1, 100],
      ["c:1", 1, 300],
    ]);
  });

  it("tells of a server that is gone or leads a shard no more, and waits no longer than until the shard moves", async () => {
    const clock = createSimulatedClock();
    const links = scripted(({ shard }, _options, endpoint) =>
      shard === 1 && endpoint === "b:1"
        ? Promise.reject(new ShoalError("not_primary", "server-3 leads the shard"))
        : Promise.resolve({ version: 1 }),
    );
    const told: string[] = [];
    const client = createParameterClient({
      ...{ identity, placement, links, clock, random: createRandom(1) },
      missed: ({ node }, { code }) => told.push(`${node}: ${code}`),
    });
    const shards = placement.shards.map((shard) => ({ ...shard, endpoint: "a:1" }));
    clock.after(1_001, () => client.updatePlacement({ term: 2, shards }));
    await simulate(clock, client.push(contribution));
    expect(clock.now()).toBe(1_001);
    // 20, 40, 80, 160, then every 200 ms, each less by up to its half.
    expect(told.length).toBeGreaterThan(6);
    expect(new Set(told)).toEqual(new Set(["server-2: not_primary"]));
  });

  it("refuses a placement that cuts the vector differently", () => {
    const client = clientOf(scripted(() => Promise.resolve({ version: 1 })));
    const shards = placement.shards.slice(0, 2);
    expect(() => client.updatePlacement({ term: 2, shards })).toThrow(/layout_mismatch/);
  });

  it("fails what is between two attempts, and everything later, when it is closed", async () => {
    const clock = createSimulatedClock();
    const client = clientOf(
      scripted(() => Promise.reject(new ShoalError("transport_lost", "the connection broke"))),
      clock,
    );
    clock.after(500, () => void client.close());
    const failure = await simulate(
      clock,
      client.push(contribution).catch((error: unknown) => error),
    );
    expect(failure).toMatchObject({ code: "cancelled" });
    expect(clock.now()).toBe(500);
    await expect(client.push(contribution)).rejects.toMatchObject({ code: "cancelled" });
  });
});
