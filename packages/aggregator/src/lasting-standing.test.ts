import { createMemoryStore, createRandom, createSimulatedClock, simulate, type Clock } from "@shoal/actors";
import { createInProcessPlane, type ClientReply, type Device, type InProcessPlane } from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import { createPlayedClient } from "../../../test/support/played-client.ts";
import { descriptionOf, float32, settingsFor, taskSize as size } from "../../../test/support/played-task.ts";
import { openAggregator, type Aggregator, type AggregatorOptions } from "./aggregator.ts";
import type { SavedWork } from "./carry/saved-task.ts";
import type { ChainedRound } from "./records/round-log.ts";

const kernels = createKernelSite("baseline");
/** Whoever is there is in each round; a quarantine takes 60 s. */
const settings = settingsFor({ goal: 4, minimum: 2, invited: 4, reportingTimeoutMs: 500 });
const device: Device = { memoryBytes: 1e9, samples: 10, testSamples: 0, encodings: ["float32"], platform: "node" };

interface Scene {
  readonly clock: Clock;
  readonly plane: InProcessPlane;
  readonly records: ChainedRound[];
  open(others?: Partial<AggregatorOptions>): Promise<Aggregator>;
  step(aggregator: Aggregator, step: number): Promise<void>;
}

/** Three clients are honest, and what "liar" contributes is not a number. */
function withLiar<T>(work: (scene: Scene) => Promise<T>): Promise<T> {
  const clock = createSimulatedClock();
  const plane = createInProcessPlane({ clock, delayMs: () => 1 });
  const store = createMemoryStore();
  const records: ChainedRound[] = [];
  const target = new Float32Array(size).fill(1);
  const run = async (): Promise<T> => {
    const clients = ["a", "b", "c", "liar"].map((name) => {
      const bend = (update: Float32Array): Float32Array => (name === "liar" ? update.fill(Number.NaN) : update);
      return createPlayedClient({ name, task: "digits", plane: plane.connect(name), clock, target, bend });
    });
    return work({
      ...{ clock, plane, records },
      async open(others) {
        const aggregator = await openAggregator({
          ...{ run: "r1", description: descriptionOf(settings), settings, random: createRandom("aggregator") },
          ...{ plane: plane.aggregator, store, clock, codecs: createVectorCodecs(float32, { size }, kernels) },
          onRecord: (record) => void records.push(record),
          ...others,
        });
        for (const client of clients) void client.start();
        await new Promise<void>((resolve) => void clock.after(50, resolve));
        return aggregator;
      },
      async step(aggregator, step) {
        const [parameters, gradient] = [new Float32Array(size), new Float32Array(size)];
        await aggregator.aggregate({ step, version: step, parameters, gradient });
      },
    });
  };
  return simulate(clock, run(), { forMs: 600_000 });
}

const checkIn = (plane: InProcessPlane): Promise<ClientReply> =>
  plane.connect("liar").request({ type: "check_in", device }, 1_000);
const askedIn = (records: readonly ChainedRound[]): readonly boolean[] =>
  records.map(({ body }) => body.asked.list.includes("liar"));

describe("a client in quarantine", () => {
  it("is not drawn by the next aggregator either, whatever that one's clock says, until its time is over", async () => {
    await withLiar(async ({ clock, plane, records, open, step }) => {
      const first = await open();
      for (let at = 0; at < 5; at += 1) await step(first, at);
      await first.close();
      const later: Clock = { now: () => clock.now() + 1e10, after: (ms, fire) => clock.after(ms, fire) };
      const second = await open({ clock: later });
      for (let at = 5; at < 8; at += 1) await step(second, at);
      await second.close();
      const third = await open();
      await step(third, 8);
      // Offences fade a little: the fourth leads into quarantine. Of an aggregator's last round the next one tells no names.
      const asked = new Map(records.map(({ body }, index) => [body.step, askedIn(records)[index]]));
      expect(asked).toEqual(new Map([0, 1, 2, 3, 4, 5, 6, 7].map((at) => [at, at < 4])));
      const reply = await checkIn(plane);
      expect(reply).toMatchObject({ type: "turned_away", isFinal: false });
      const leftMs = reply.type === "turned_away" ? reply.comeBackAfterMs : 0;
      // Of 60 s, and the few rounds since did not take 10 s.
      expect(leftMs).toBeGreaterThan(50_000);
      expect(leftMs).toBeLessThanOrEqual(60_000);
      await new Promise<void>((resolve) => void clock.after(leftMs, resolve));
      expect(await checkIn(plane)).toMatchObject({ type: "checked_in" });
      await third.close();
    });
  });

  it("is in quarantine where the run goes on from a snapshot on a cluster that does not know it", async () => {
    await withLiar(async ({ plane, open, step }) => {
      const first = await open();
      for (let at = 0; at < 4; at += 1) await step(first, at);
      const origin: SavedWork = await first.save(4);
      await first.close();
      const second = await open({ store: createMemoryStore(), origin });
      expect(await checkIn(plane)).toMatchObject({ type: "turned_away", isFinal: false });
      await second.close();
      const third = await open({ store: createMemoryStore() });
      expect(await checkIn(plane)).toMatchObject({ type: "checked_in" });
      await third.close();
    });
  });
});
