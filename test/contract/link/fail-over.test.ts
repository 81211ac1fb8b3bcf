/**
 * Servers with copies are killed while workers train over gRPC: what was acknowledged is in the next primary, what was not is
 * pushed again, and the bits are those of servers that nobody kills.
 */
import { systemClock } from "@shoal/actors";
import { createGrpcLinkFactory, type ParameterClient } from "@shoal/worker";
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { kernelFixture } from "../../support/model-kernels.ts";
import { startMovedTraining, type Manner } from "../../support/moved-training.ts";
import { startSeatedServers, type SeatedServers } from "../../support/seated-servers.ts";

const kit = await kernelFixture();
const sizes = [3000, 64, 500];
const servers = 3;
const steps = 40;

interface Play {
  readonly manner: Manner;
  readonly mode: "synchronous" | "asynchronous";
}

describe("workers whose servers are killed", () => {
  let cluster: SeatedServers | undefined;
  let clients: readonly ParameterClient[] = [];
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await cluster?.close();
    cluster = undefined;
    clients = [];
  });

  /** @param kills before which steps of the first worker which server dies */
  const play = async ({ manner, mode }: Play, kills: ReadonlyMap<number, number>) => {
    const seated = await startSeatedServers({
      ...{ ...kit, sizes, servers },
      hosting: { consistency: { mode }, slots: mode === "synchronous" ? 2 : 1 },
      placed: (placement) => {
        for (const client of clients) client.updatePlacement(placement);
      },
    });
    cluster = seated;
    const workers = mode === "synchronous" ? 2 : 1;
    const pauses: number[] = [];
    let turns = 0;
    const training = startMovedTraining({
      ...{ ...kit, manner, steps, workers, clock: systemClock },
      links: createGrpcLinkFactory({ clock: systemClock }),
      placement: seated.placement(),
      async pause() {
        const victim = turns % workers === 0 ? kills.get(turns / workers) : undefined;
        turns += 1;
        if (victim === undefined) return;
        // Two at a time would kill what nobody else has.
        await eventually("each shard has a replica again", () => seated.isWhole, 10_000);
        const startedAt = performance.now();
        void seated.kill(victim).then(() => pauses.push(performance.now() - startedAt));
      },
    });
    ({ clients } = training);
    await training.done;
    const outcome = await Promise.all(
      sizes.map(async (_, shard) => {
        const { version, batchesApplied } = await seated.summary(shard);
        return { version, batchesApplied, values: [...(await seated.values(shard))] };
      }),
    );
    await Promise.all(clients.map((client) => client.close()));
    await seated.close();
    cluster = undefined;
    clients = [];
    return { outcome, pauses };
  };

  it.each([
    { manner: "push_pull", mode: "synchronous" },
    { manner: "staged", mode: "synchronous" },
    { manner: "staged", mode: "asynchronous" },
    { manner: "push_then_pull", mode: "asynchronous" },
  ] as const)("have the bits of workers whose servers live: %o", async (how) => {
    const still = await play(how, new Map());
    const kills = new Map([3, 10, 17, 24, 31].map((step, turn) => [step, (turn * 2) % servers]));
    const killed = await play(how, kills);
    expect(killed.pauses).toHaveLength(kills.size);
    expect(killed.outcome).toEqual(still.outcome);
  });
});
