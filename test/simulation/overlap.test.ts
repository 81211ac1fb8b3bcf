/**
 * How much communication hides behind computing, in virtual time: real loops, clients, shards and gradients; what takes
 * time is modelled, the layers of the computing and a full-duplex line.
 */
import { createSimulatedClock, simulate, type Clock } from "@shoal/actors";
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobSpec, LinkFactory } from "@shoal/protocol";
import type { ComputePort } from "@shoal/worker";
import { describe, expect, it } from "vitest";
import { trainPlainly } from "../support/plain-training.ts";
import { createTrainingSite, startTrainingCluster } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const data = { type: "digits", samples: 160, testSamples: 16, seed: 2 } as const;
const dataset = generateDigits(data);
/** Narrow before the widest: what the first layer has to push when all is computed can be hidden behind nothing. */
const widths = [784, 8, ...Array.from({ length: 10 }, () => 96), 10];
const layers = widths.length - 1;
/** Parameters of each layer; a layer takes as long as it has parameters, backward twice as long as forward. */
const keys = widths.slice(1).map((width, index) => ((widths[index] ?? 0) + 1) * width);
const size = keys.reduce((sum, each) => sum + each, 0);
const computeMs = 300;
/** The line needs 80 % of the computing's time for the bytes of a step: up and down. */
const communicationMs = 0.8 * computeMs;

const jobOf = (overlap: boolean): JobSpec =>
  checkJob({
    name: "overlap",
    model: {
      inputs: 784,
      layers: widths.slice(1).map((outputs, index) => ({
        type: "dense",
        outputs,
        ...(index < layers - 1 ? { activation: "relu" } : {}),
      })),
      loss: { type: "softmax_cross_entropy" },
    },
    data,
    optimizer: { name: "sgd", learningRate: 0.05 },
    evaluation: { everySteps: 1_000 },
    batchSize: 16,
    epochs: 2,
    workers: 1,
    shards: 16,
    overlap,
  });

/** Computes with the real plan, and takes the time that its layers would in a thread of its own, waiting at its gate. */
function inLayers(clock: Clock, compute: ComputePort, begun: number[]): ComputePort {
  let arrived = 0;
  let opened = Promise.withResolvers<void>();
  const take = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const timeOf = (layer: number): number => ((keys[layer] ?? 0) / size) * (computeMs / 3);
  const endOf = (layer: number): number => keys.slice(0, layer + 1).reduce((sum, each) => sum + each, 0);
  return {
    ...compute,
    gate: {
      open(end) {
        arrived = end;
        opened.resolve();
        opened = Promise.withResolvers();
      },
      cancel: () => expect.fail("nothing of this run is begun in vain"),
    },
    async gradient(work, overlap) {
      const startedAtMs = clock.now();
      begun.push(startedAtMs);
      for (let layer = 0; layer < layers; layer += 1) {
        while (overlap?.gated === true && arrived < endOf(layer)) await opened.promise;
        await take(timeOf(layer));
      }
      const computed = await compute.gradient(work);
      for (let layer = layers - 1; layer >= 0; layer -= 1) {
        await take(2 * timeOf(layer));
        const cut = overlap?.cuts.find((key) => key >= endOf(layer - 1));
        if (cut !== undefined) overlap?.final(cut, { startedAtMs, samples: work.end - work.begin });
      }
      return { ...computed, startedAtMs, endedAtMs: clock.now() };
    },
  };
}

/** A line that is as fast in each direction; a message leaves when those before it have. */
function throttled(clock: Clock, links: LinkFactory): LinkFactory {
  const bytesPerMs = (2 * 4 * size) / communicationMs;
  const lane = () => {
    let freeAtMs = 0;
    return (bytes: number): Promise<void> => {
      freeAtMs = Math.max(freeAtMs, clock.now()) + bytes / bytesPerMs;
      return new Promise((resolve) => void clock.after(freeAtMs - clock.now(), resolve));
    };
  };
  return {
    connect(endpoint, identity) {
      const link = links.connect(endpoint, identity);
      const [up, down] = [lane(), lane()];
      return {
        ...link,
        async pushPull(push, pull, options) {
          await up(push.gradient.byteLength);
          const reply = await link.pushPull(push, pull, options);
          await down(pull.into.byteLength);
          return reply;
        },
      };
    },
  };
}

/** @returns mean time of a step, and the trained parameters */
async function train(overlap: boolean): Promise<{ readonly stepMs: number; readonly parameters: unknown }> {
  const clock = createSimulatedClock();
  const begun: number[] = [];
  const work = async (): Promise<{ readonly stepMs: number; readonly parameters: unknown }> => {
    const cluster = await startTrainingCluster({
      ...{ site, dataset, servers: 1, workers: 1, computeKind: "inline", clock },
      wrapCompute: (compute) => inLayers(clock, compute, begun),
      wrapLinks: (links) => throttled(clock, links),
    });
    const run = await cluster.submit(jobOf(overlap));
    const status = await cluster.ended(run, 600_000);
    expect(status).toMatchObject({ phase: "completed", error: null });
    const { parameters } = cluster.model(run);
    await cluster[Symbol.asyncDispose]();
    return { stepMs: ((begun.at(-1) ?? 0) - (begun[0] ?? 0)) / (begun.length - 1), parameters };
  };
  return simulate(clock, work());
}

describe("communication that takes 80 % as long as computing", () => {
  it("is hidden to 85 % at least, with the same bits", async () => {
    const apart = await train(false);
    const together = await train(true);
    const hidden = 1 - (together.stepMs - computeMs) / communicationMs;
    expect(hidden).toBeGreaterThan(0.85);
    expect(apart.stepMs - computeMs).toBeGreaterThan(communicationMs / 2);
    const expected = trainPlainly(jobOf(true), 1, dataset, site.kernels, site.memory);
    expect(together.parameters).toEqual(expected.parameters); // no tolerance
    expect(apart.parameters).toEqual(expected.parameters);
  });
});
