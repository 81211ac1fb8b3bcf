import { createRandom, createSimulatedClock, simulate, type SimulatedClock } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { metricDefinitions, type LinkFactory, type PullReply } from "@shoal/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordMetrics, type RecordedMetrics } from "../../../../test/support/recorded-metrics.ts";
import { createParameterClient, type ParameterClient } from "./parameter-client.ts";

let recorded: RecordedMetrics;
beforeEach(() => {
  recorded = recordMetrics();
});
afterEach(() => recorded.close());

/** A client of one shard whose pulls are answered by a script. */
function clientOf(clock: SimulatedClock, answer: (attempt: number) => Promise<PullReply>): ParameterClient {
  const refuse = (): Promise<never> => Promise.reject(new ShoalError("internal", "not in this script"));
  let attempts = 0;
  const links: LinkFactory = {
    connect: () => ({
      initialize: refuse,
      push: refuse,
      pushPull: refuse,
      pull: () => answer((attempts += 1)),
      close: () => Promise.resolve(),
    }),
  };
  const identity = { run: "r", worker: 1, incarnation: 1, name: "worker-1" };
  const placement = { term: 1, shards: [{ shard: 0, begin: 0, end: 2, node: "server-1", endpoint: "a:1" }] };
  return createParameterClient({ identity, placement, links, clock, random: createRandom(1) });
}

const target = { clock: 0, into: new Float32Array(2) };
const after = (clock: SimulatedClock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.after(ms, resolve));

describe("metrics of exchanges", () => {
  it("hold one duration for each exchange, retries included, and count the attempts that failed", async () => {
    const clock = createSimulatedClock();
    const client = clientOf(clock, async (attempt) => {
      await after(clock, 100);
      if (attempt === 1) throw new ShoalError("transport_lost", "the connection broke");
      if (attempt === 2) throw new ShoalError("deadline_exceeded", "worker-2 is late");
      return { type: "values", version: 1 };
    });
    await simulate(clock, client.pull(target));
    const durations = await recorded.histograms(metricDefinitions.exchangeDuration);
    expect(Object.keys(durations)).toEqual(["pull values"]);
    expect(durations["pull values"]).toMatchObject({ count: 1, sum: clock.now() / 1000 });
    expect(clock.now()).toBeGreaterThan(300);
    expect(await recorded.values(metricDefinitions.retries)).toEqual({
      "pull transport_lost": 1,
      "pull deadline_exceeded": 1,
    });
  });

  it("tell what an exchange that was given up failed with", async () => {
    const clock = createSimulatedClock();
    const client = clientOf(clock, () => Promise.reject(new ShoalError("not_finite", "that is no number")));
    await expect(simulate(clock, client.pull(target))).rejects.toMatchObject({ code: "not_finite" });
    expect(await recorded.histograms(metricDefinitions.exchangeDuration)).toMatchObject({
      "pull not_finite": { count: 1 },
    });
    expect(await recorded.values(metricDefinitions.retries)).toEqual({});
  });
});
