import { createMemoryStore, createRandom, createSimulatedClock, simulate } from "@shoal/actors";
import { createInProcessPlane, verifyChain } from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import { createPlayedClient } from "../../../test/support/played-client.ts";
import { descriptionOf, float32, settingsFor, taskSize as size } from "../../../test/support/played-task.ts";
import { openAggregator } from "./aggregator.ts";
import type { ChainedRound } from "./records/round-log.ts";
import type { CentralPrivacy } from "./settings.ts";

const kernels = createKernelSite("baseline");
const privacy: CentralPrivacy = {
  ...{ clip: 1, noiseMultiplier: 4, adaptive: null, population: null, budget: { epsilon: 50, delta: 1e-5 } },
};
const settings = settingsFor({ goal: 3, minimum: 3, invited: 3 }, { privacy });

/** Steps [begin, end) on a cluster that knows nothing but what stands in the log, to which it appends. */
async function playOn(log: ChainedRound[], begin: number, end: number): Promise<void> {
  const clock = createSimulatedClock();
  const plane = createInProcessPlane({ clock, delayMs: () => 1 });
  const last = log.at(-1);
  const work = async (): Promise<void> => {
    const aggregator = await openAggregator({
      ...{ run: "r1", description: descriptionOf(settings), settings, random: createRandom("aggregator") },
      ...{ plane: plane.aggregator, store: createMemoryStore(), clock },
      codecs: createVectorCodecs(float32, { size }, kernels),
      lastRecord: async () => last,
      onRecord: (record) => void log.push(record),
    });
    for (const name of ["a", "b", "c"]) {
      const target = new Float32Array(size).fill(1);
      void createPlayedClient({ name, task: "digits", plane: plane.connect(name), clock, target }).start();
    }
    const values = new Float32Array(size);
    for (let step = begin; step < end; step += 1) {
      await aggregator.aggregate({ step, version: step, parameters: values, gradient: new Float32Array(size) });
    }
    await aggregator.evaluated(values, { accuracy: 0, loss: 0 });
    await aggregator.close();
  };
  await simulate(clock, work(), { forMs: 600_000 });
}

describe("a run that goes on from a snapshot on a cluster that does not know it", () => {
  it("goes on with its log and with what its rounds have cost", async () => {
    const log: ChainedRound[] = [];
    await playOn(log, 0, 2);
    await playOn(log, 2, 3);
    expect(verifyChain(log).kind).toBe("intact");
    expect(log.map(({ body }) => body.round)).toEqual([1, 2, 3]);
    expect(log.map(({ body }) => body.ledger?.rounds)).toEqual([1, 2, 3]);
    const spent = log.map(({ body }) => body.epsilon ?? 0);
    expect(spent[2]).toBeGreaterThan(spent[1] ?? Infinity);
  });

  it("does not go on where a promise of privacy was made and its price is not known", async () => {
    await expect(playOn([], 2, 3)).rejects.toMatchObject({ code: "data_not_found" });
  });
});
