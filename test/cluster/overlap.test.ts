/** Exchanges that go on while a worker computes: what happens before what. Orders only, no times. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput, LinkFactory } from "@shoal/protocol";
import type { ComputePort } from "@shoal/worker";
import { afterEach, describe, expect, it } from "vitest";
import { trainPlainly } from "../support/plain-training.ts";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const dataset = generateDigits({ samples: 256, testSamples: 64, seed: 2 });
const shards = 6;

const jobOf = (change: Partial<JobInput> = {}): ReturnType<typeof checkJob> =>
  checkJob({
    name: "overlapped",
    model: {
      inputs: 784,
      layers: [
        { type: "dense", outputs: 256, activation: "relu" },
        { type: "dense", outputs: 256, activation: "relu" },
        { type: "dense", outputs: 10 },
      ],
      loss: { type: "softmax_cross_entropy" },
    },
    data: { type: "digits", samples: 256, testSamples: 64, seed: 2 },
    optimizer: { name: "sgd", learningRate: 0.05, momentum: 0.9 },
    batchSize: 64,
    epochs: 2,
    workers: 1,
    shards,
    ...change,
  });

/** Writes down when a gradient begins and ends, and when a shard's push leaves and its values come. */
function witness(events: string[]) {
  const count = (event: string): number => events.filter((each) => each === event).length;
  const wrapCompute = (compute: ComputePort): ComputePort => ({
    ...compute,
    gate: compute.gate,
    async gradient(work, overlap) {
      events.push("begin");
      const computed = await compute.gradient(work, overlap);
      events.push("end");
      return computed;
    },
  });
  const wrapLinks = (links: LinkFactory): LinkFactory => ({
    connect(endpoint, identity) {
      const link = links.connect(endpoint, identity);
      return {
        initialize: (request, options) => link.initialize(request, options),
        pull: (request, options) => link.pull(request, options),
        push: (request, options) => link.push(request, options),
        close: () => link.close(),
        async pushPull(push, pull, options) {
          events.push(`push ${push.shard}`);
          const reply = await link.pushPull(push, pull, options);
          // The last shard's values come when the next gradient has begun: it waits for them.
          if (push.shard === shards - 1) await until(() => count("begin") > count("push 5"));
          events.push(`pulled ${push.shard}`);
          return reply;
        },
      };
    },
  });
  return { wrapCompute, wrapLinks };
}

/** Gives others their turn until something has happened, at most 5 s. */
async function until(happened: () => boolean): Promise<void> {
  for (const endAt = performance.now() + 5_000; !happened() && performance.now() < endAt;) {
    await new Promise<void>((resolve) => void setTimeout(resolve, 1));
  }
}

let cluster: TrainingCluster | undefined;
afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  expect(cluster?.failures ?? []).toEqual([]);
  cluster = undefined;
});

describe.each(["synchronous", "bounded"] as const)("overlap in %s mode", (mode) => {
  const consistency = mode === "synchronous" ? ({ mode } as const) : ({ mode, staleness: 1 } as const);

  it("pushes the last layer within the backward pass and begins the next step before its last values came", async () => {
    const events: string[] = [];
    const job = jobOf({ consistency, evaluation: { everySteps: 100 } });
    const scene = { site, dataset, servers: 1, workers: 1, computeKind: "thread", ...witness(events) } as const;
    cluster = await startTrainingCluster(scene);
    const run = await cluster.submit(job);
    expect(await cluster.ended(run)).toMatchObject({ phase: "completed", error: null });
    const nth = (event: string, times: number): number =>
      times === 1 ? events.indexOf(event) : events.indexOf(event, nth(event, times - 1) + 1);
    const pushes = events.slice(0, nth("push 0", 1) + 1).filter((event) => event.startsWith("push "));
    expect(pushes).toEqual(["push 5", "push 4", "push 3", "push 2", "push 1", "push 0"]);
    expect(nth("push 5", 1)).toBeLessThan(nth("end", 1));
    // The second gradient begins although shard 5 has not answered, and ends after it has.
    expect(nth("begin", 2)).toBeLessThan(nth("pulled 5", 1));
    expect(nth("pulled 5", 1)).toBeLessThan(nth("end", 2));
    if (mode === "synchronous") {
      const expected = trainPlainly(job, 1, dataset, site.kernels, site.memory);
      expect(cluster.model(run).parameters).toEqual(expected.parameters); // no tolerance
    }
  });

  it("does neither where the job says so", async () => {
    const events: string[] = [];
    const { wrapCompute } = witness(events);
    const wrapLinks = (links: LinkFactory): LinkFactory => links;
    const calls: boolean[] = [];
    const watch = (compute: ComputePort): ComputePort => {
      const watched = wrapCompute(compute);
      return {
        ...watched,
        gradient: (work, overlap) => (calls.push(overlap === undefined), watched.gradient(work, overlap)),
      };
    };
    const job = jobOf({ consistency, overlap: false });
    const scene = {
      site,
      dataset,
      servers: 1,
      workers: 1,
      computeKind: "thread",
      wrapLinks,
      wrapCompute: watch,
    } as const;
    cluster = await startTrainingCluster(scene);
    expect(await cluster.ended(await cluster.submit(job))).toMatchObject({ phase: "completed", error: null });
    expect(calls.length).toBeGreaterThan(0);
    expect(calls).not.toContain(false);
  });
});
