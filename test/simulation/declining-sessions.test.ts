/** Joined clients that cannot train, against the real aggregator in virtual time. */
import { createRandom, simulate } from "@shoal/actors";
import { createUpdateCodec, openSession, type LocalTrainer, type SessionEvent } from "@shoal/edge-client";
import type { ClientPlane } from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { describe, expect, it } from "vitest";
import { createAggregatorScene, playSteps } from "../support/aggregator-scene.ts";
import { settingsFor } from "../support/played-task.ts";

const codec = createUpdateCodec(await loadKernelModules());
const failing: LocalTrainer = {
  ...{ samples: 1, testSamples: 0 },
  train: async () => Promise.reject(new Error("the battery is low")),
  evaluate: async () => null,
  close: async () => undefined,
};

describe("a client whose training fails", () => {
  it("is asked again after 2, 4, 8 and 16 s, and says little meanwhile", async () => {
    const scene = createAggregatorScene(settingsFor({ goal: 3, minimum: 2, invited: 3 }));
    const { clock } = scene;
    const events: { readonly atMs: number; readonly event: SessionEvent }[] = [];
    const plane = scene.plane.connect("fails");
    let checkIns = 0;
    const counted: ClientPlane = {
      ...plane,
      request(request, timeoutMs) {
        if (request.type === "check_in") checkIns += 1;
        return plane.request(request, timeoutMs);
      },
    };
    const work = async (): Promise<void> => {
      const aggregator = await scene.open();
      for (const name of ["a", "b"]) scene.join(name, 1, { trainMs: 250 });
      const session = openSession({
        ...{ task: "digits", client: "fails", plane: counted, trainer: failing, codec, clock },
        ...{ random: createRandom("fails"), device: { memoryBytes: 1e9, platform: "node" } },
        onEvent: (event) => void events.push({ atMs: clock.now(), event }),
      });
      await new Promise<void>((resolve) => void clock.after(100, resolve));
      await playSteps(aggregator, 130);
      await session.close();
      await aggregator.close();
    };
    await simulate(clock, work(), { maximumSteps: 2_000_000 });
    const offered = events.filter(({ event }) => event.type === "offered").map(({ atMs }) => atMs);
    const pauses = offered.slice(1).map((atMs, index) => atMs - (offered[index] ?? 0));
    // It is drawn with the first round after its rest; a round takes 260 ms.
    for (const [times, ms] of pauses.entries()) {
      expect(ms).toBeGreaterThanOrEqual(2_000 * 2 ** times);
      expect(ms).toBeLessThan(2_000 * 2 ** times + 500);
    }
    expect(pauses).toHaveLength(4);
    // Between half and all of a rest it comes, and then of what is left.
    expect(checkIns).toBeLessThan(20);
  });
});
