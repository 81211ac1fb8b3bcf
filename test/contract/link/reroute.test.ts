/** Workers follow shards that move: nothing is lost and nothing is applied twice, over both links. */
import {
  createRandom,
  createSimulatedClock,
  simulate,
  systemClock,
  type Clock,
  type SimulatedClock,
} from "@shoal/actors";
import type { EncodingSpec } from "@shoal/optimization";
import type { LinkFactory } from "@shoal/protocol";
import { createParameterRpcServer } from "@shoal/ps-server";
import { createGrpcLinkFactory, createInProcessLinkFactory } from "@shoal/worker";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kernelFixture } from "../../support/model-kernels.ts";
import { startMovedTraining, type Manner } from "../../support/moved-training.ts";
import { createMovingShards, type MovingShards } from "../../support/moving-shards.ts";
import { slowLinks } from "../../support/slow-links.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";

const kit = await kernelFixture();
const sizes = [96, 64, 33];
const servers = 3;

interface Play {
  readonly manner: Manner;
  readonly encoding?: { readonly push: EncodingSpec; readonly pull: EncodingSpec };
  readonly mode: "synchronous" | "asynchronous";
  readonly steps: number;
}

const hostingOf = ({ mode, encoding }: Play) => ({
  consistency: { mode },
  slots: mode === "synchronous" ? 2 : 1,
  ...(encoding !== undefined && { encoding: { push: { ...encoding.push }, pull: { ...encoding.pull } } }),
});
/** Where the order of updates is the workers' chance, one of them is enough to ask for equal bits. */
const workersOf = ({ mode }: Play): number => (mode === "synchronous" ? 2 : 1);

/** What must be the same however often the shards have moved. */
async function outcomeOf(shards: MovingShards) {
  return Promise.all(
    sizes.map(async (_, shard) => {
      const { version, batchesApplied } = await shards.describe(shard);
      return { version, batchesApplied, values: [...(await shards.values(shard))] };
    }),
  );
}

interface Move {
  readonly atMs: number;
  readonly shard: number;
  readonly to: number;
  /** Until the workers hear of it. */
  readonly toldAfterMs: number;
}

/** In virtual time, over links that are slow and lose messages. */
async function playVirtually(play: Play, moves: readonly Move[], seed: number, lossRate: number) {
  const clock = createSimulatedClock();
  const shards = await createMovingShards({ ...kit, clock, sizes, servers, hosting: hostingOf(play) });
  const inside = createInProcessLinkFactory({
    ...{ ...kit, clock },
    directoryOf: (endpoint) => shards.shardsOf(Number(endpoint.slice("server-".length))),
  });
  const links = slowLinks(inside, { clock, random: createRandom(seed), delayMs: 5, lossRate });
  const endpointOf = (server: number): string => `server-${server}`;
  const training = startMovedTraining({
    ...{ ...kit, ...play, clock, links, placement: shards.placement(endpointOf), workers: workersOf(play) },
  });
  for (const { atMs, shard, to, toldAfterMs } of moves) {
    clock.after(atMs, () => {
      void shards.move(shard, to).then(() => {
        const placement = shards.placement(endpointOf);
        clock.after(toldAfterMs, () => {
          for (const client of training.clients) client.updatePlacement(placement);
        });
      });
    });
  }
  await simulate(clock, training.done);
  const outcome = await simulate(clock, outcomeOf(shards));
  for (const client of training.clients) void client.close();
  return { outcome, arrived: training.arrived, elapsedMs: clock.now() };
}

const manners: readonly Manner[] = ["push_pull", "push_then_pull", "staged", "fragments"];
const encodings: readonly Play["encoding"][] = [
  { push: { name: "int8" }, pull: { name: "float32" } },
  { push: { name: "top_k", share: 0.25 }, pull: { name: "bfloat16" } },
  { push: { name: "one_bit" }, pull: { name: "int8" } },
];

const moves = fc.array(
  fc.record({
    atMs: fc.integer({ min: 0, max: 150 }),
    shard: fc.nat({ max: sizes.length - 1 }),
    to: fc.nat({ max: servers - 1 }),
    toldAfterMs: fc.integer({ min: 0, max: 60 }),
  }),
  { minLength: 1, maxLength: 12 },
);
const play: fc.Arbitrary<Play> = fc.record({
  manner: fc.constantFrom(...manners),
  mode: fc.constantFrom("synchronous" as const, "asynchronous" as const),
  steps: fc.integer({ min: 3, max: 12 }),
});

describe("workers whose shards move", () => {
  it("have the bits of workers whose shards stay, whenever and however often they move, and lose messages too", async () => {
    await fc.assert(
      fc.asyncProperty(play, moves, fc.nat(), fc.constantFrom(0, 0.1), async (how, where, seed, lossRate) => {
        const still = await playVirtually(how, [], 1, 0);
        const moved = await playVirtually(how, where, seed, lossRate);
        expect(moved.outcome).toEqual(still.outcome);
      }),
      { numRuns: 60 },
    );
  });

  it("take nothing for known that a life of the shard before this one gave them, on the same server", async () => {
    const how = { manner: "push_pull", mode: "synchronous", steps: 3 } as const;
    const where = [
      { atMs: 9, shard: 1, to: 1, toldAfterMs: 0 },
      { atMs: 0, shard: 2, to: 2, toldAfterMs: 0 },
    ];
    const still = await playVirtually(how, [], 1, 0);
    for (const seed of [107_523_292, 1_133_417]) {
      expect((await playVirtually(how, where, seed, 0.1)).outcome).toEqual(still.outcome);
    }
  });

  it("push the same bytes with their unsent errors, and pull whole values where nobody knows what they have", async () => {
    await fc.assert(
      fc.asyncProperty(play, fc.constantFrom(...encodings), moves, fc.nat(), async (how, encoding, where, seed) => {
        // One worker: what is left unsent belongs to a worker.
        const coded = { ...how, mode: "asynchronous", ...(encoding !== undefined && { encoding }) } as const;
        const still = await playVirtually(coded, [], 1, 0);
        const moved = await playVirtually(coded, where, seed, 0.05);
        expect(moved.outcome).toEqual(still.outcome);
      }),
      { numRuns: 40 },
    );
  });

  it("hear of each part of the next values once, in the version that they may begin with", async () => {
    const where = [0, 1, 2].map((shard) => ({ atMs: 20, shard, to: (shard + 1) % servers, toldAfterMs: 10 }));
    const { arrived } = await playVirtually({ manner: "staged", mode: "synchronous", steps: 10 }, where, 3, 0);
    for (const seen of arrived) {
      const steps = Array.from({ length: 10 }, (_, step) => sizes.map((_size, shard) => `${shard} ${step + 1}`));
      expect(seen.toSorted()).toEqual(steps.flat().toSorted());
    }
  });

  it("go on within moments of a new placement, though a call to the old server would have waited for its deadline", async () => {
    const clock: SimulatedClock = createSimulatedClock();
    const shards = await createMovingShards({ ...kit, clock, sizes, servers, hosting: {} });
    const inside = createInProcessLinkFactory({
      ...{ ...kit, clock },
      directoryOf: (endpoint) => shards.shardsOf(Number(endpoint.slice("server-".length))),
    });
    // The second worker never comes: the first waits in the step, at the server from which the shard moves away.
    const [client] = startMovedTraining({
      ...{ ...kit, clock, links: inside, manner: "push_pull", steps: 1, workers: 2 },
      placement: shards.placement((server) => `server-${server}`),
      pause: () => new Promise(() => undefined),
    }).clients;
    if (client === undefined) throw new Error("there are two workers");
    const gradient = new Float32Array(193).fill(1);
    const computed = { startedAtMs: 0, endedAtMs: 0, samples: 4, loss: 0 };
    await simulate(clock, client.initialize(gradient));
    void client
      .pushPull(
        { clock: 0, batch: 0, samples: 4, gradient, base: [0, 0, 0], computed },
        { clock: 1, into: new Float32Array(193) },
      )
      .catch(() => undefined);
    const until = (ms: number): Promise<unknown> =>
      simulate(clock, new Promise<void>((resolve) => void clock.after(ms, resolve)));
    await until(100);
    await simulate(clock, shards.move(0, 2));
    client.updatePlacement(shards.placement((server) => `server-${server}`));
    await until(1);
    const waits = client.waits().map(({ waitingFor, attempt }) => `${waitingFor}, attempt ${attempt}`);
    expect(waits).toContain("shard 0 on server-2 (server-2), attempt 2");
    expect(waits).toContain("shard 1 on server-1 (server-1), attempt 1");
    void client.close();
  });
});

describe("workers whose shards move, over gRPC", () => {
  it.each([
    { manner: "push_pull", mode: "synchronous" },
    { manner: "staged", mode: "synchronous" },
    { manner: "fragments", mode: "asynchronous" },
    { manner: "staged", mode: "asynchronous", encoding: encodings[1] },
  ] as const)("have the bits of workers whose shards stay: %o", async ({ encoding, ...how }) => {
    const steps = 30;
    const coded: Play = { ...how, steps, ...(encoding !== undefined && { encoding }) };
    const still = await playVirtually(coded, [], 1, 0);
    const clock: Clock = systemClock;
    const shards = await createMovingShards({ ...kit, clock, sizes, servers, hosting: hostingOf(coded) });
    const sites = await Promise.all(
      Array.from({ length: servers }, async (_, server) => {
        const rpc = createParameterRpcServer({ ...kit, clock, shards: shards.shardsOf(server) });
        const endpoint = await rpc.listen({ host: "127.0.0.1", port: 0 });
        return { rpc, line: await startTcpProxy(Number(endpoint.split(":")[1])) };
      }),
    );
    const endpointOf = (server: number): string => sites[server]?.line.endpoint ?? "";
    const links: LinkFactory = createGrpcLinkFactory({ clock });
    let turns = 0;
    const { clients, done } = startMovedTraining({
      ...{ ...kit, ...coded, clock, links, placement: shards.placement(endpointOf), workers: workersOf(coded) },
      // Now and then a shard moves in the middle of what is under way, and a line breaks.
      async pause() {
        turns += 1;
        if (turns % 4 !== 0) return;
        const shard = turns % sizes.length;
        const placed = shards.move(shard, (turns * 7) % servers).then(() => shards.placement(endpointOf));
        if (turns % 8 === 0) sites[turns % servers]?.line.cut();
        void placed.then((placement) => {
          for (const client of clients) client.updatePlacement(placement);
        });
      },
    });
    await done;
    expect(await outcomeOf(shards)).toEqual(still.outcome);
    await Promise.all(clients.map((client) => client.close()));
    for (const { rpc, line } of sites) await Promise.all([rpc.close(), line.close()]);
  });
});
