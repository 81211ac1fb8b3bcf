/** Whom a run waits for, in virtual time with the real actors: the slow, the silent and the dead are named. */
import { createInProcessBus, createSimulatedClock, simulate, type Clock } from "@shoal/actors";
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { Consistency, WaitExplanation } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";
import { createPausableNode } from "./pausable-node.ts";

const site = await createTrainingSite();
const dataset = generateDigits({ samples: 1024, testSamples: 100, seed: 4 });
const leaseMs = 2_000;
/** Time that a worker computes a batch of 64 samples, ms. */
const batchMs = 100;

interface Scene {
  readonly cluster: TrainingCluster;
  readonly clock: Clock;
  readonly run: string;
  /** Makes worker-3 stand still, as a stopped process does. */
  freeze(): void;
  why(): Promise<WaitExplanation>;
  pass(ms: number): Promise<void>;
}

/** Three workers in training on two servers; worker-3 takes `slowness` times as long as the others. */
function play(consistency: Consistency, slowness: number, act: (scene: Scene) => Promise<void>): Promise<void> {
  const clock = createSimulatedClock();
  const frozen = createPausableNode("worker-3", createInProcessBus(), clock);
  const pass = (ms: number, on: Clock = clock): Promise<void> =>
    new Promise<void>((resolve) => void on.after(ms, resolve));
  const work = async (): Promise<void> => {
    const cluster = await startTrainingCluster({
      ...{ site, dataset, servers: 2, workers: 3, clock, computeKind: "inline", bus: frozen.bus },
      clockOf: (node) => (node === "worker-3" ? frozen.clock : clock),
      settings: { leaseMs, heartbeatMs: 500 },
      wrapCompute: (compute, name) => ({
        ...compute,
        async gradient(task) {
          const done = await compute.gradient(task);
          const ms = (batchMs * done.samples * (name === "worker-3" ? slowness : 1)) / 64;
          await pass(ms, name === "worker-3" ? frozen.clock : clock);
          return { ...done, endedAtMs: done.startedAtMs + ms };
        },
      }),
    });
    const job = checkJob({
      name: "digits",
      model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
      data: { type: "digits", samples: 1024, testSamples: 100, seed: 4 },
      optimizer: { name: "sgd", learningRate: 0.05 },
      batchSize: 64,
      epochs: 100,
      workers: 3,
      shards: 2,
      consistency,
      seed: 7,
    });
    const run = await cluster.submit(job);
    while ((await cluster.status(run)).batchesDone < 18) await pass(50);
    await act({ cluster, clock, run, freeze: frozen.pause, why: () => cluster.explain(run), pass });
    frozen.resume();
    await cluster[Symbol.asyncDispose]();
  };
  return simulate(clock, work(), { maximumSteps: 5_000_000 });
}

/** Asks until the answer shows that somebody waits. */
async function whoIsWaitedFor({ why, pass }: Scene): Promise<WaitExplanation> {
  for (let attempts = 0; attempts < 40; attempts += 1) {
    const explanation = await why();
    if (explanation.chains.length > 0) return explanation;
    await pass(70);
  }
  throw new Error("nobody waited");
}

const modes: readonly Consistency[] = [{ mode: "synchronous" }, { mode: "bounded", staleness: 2 }];

for (const consistency of modes) {
  describe(`in ${consistency.mode} mode`, () => {
    it("names a worker that is five times slower, what it does, and who waits for it", async () => {
      await play(consistency, 5, async (scene) => {
        const { chains, summary } = await whoIsWaitedFor(scene);
        const [chain] = chains;
        expect(chain?.cause).toBe("worker-3");
        expect(chain?.state).toMatch(
          /^computing \(a batch of epoch \d+\) for 0\.\d s, 5\.0× the median time for a sample/,
        );
        expect(chain?.links[0]?.waiters[0]).toMatch(/^shard-/);
        expect(chain?.links[0]?.waitingFor).toContain("worker-3");
        expect(chain?.links.slice(1).flatMap(({ waiters }) => waiters)).toEqual(
          expect.arrayContaining([expect.stringMatching(/^worker-[12]$/)]),
        );
        expect(summary).toContain("worker-3");
      });
    });

    it("names a worker that stands still: no answer, and when it was heard last; later that its lease has ended", async () => {
      await play(consistency, 1, async (scene) => {
        scene.freeze();
        await scene.pass(400);
        const { chains } = await whoIsWaitedFor(scene);
        expect(chains[0]?.cause).toBe("worker-3");
        expect(chains[0]?.state).toMatch(/^no answer for 1\.2 s, last heartbeat \d\.\d s ago$/);
        await scene.pass(leaseMs + 500);
        const later = await scene.why();
        expect(later.summary).toMatch(/the lease of worker-3 has ended, last heartbeat \d\.\d s ago/);
        expect(later.members[0]).toMatchObject({
          name: "worker-3",
          state: expect.stringMatching(/^its lease has ended/),
        });
        expect(later.chains.map(({ cause }) => cause)).not.toContain("worker-3");
      });
    });

    it("names a worker that has died", async () => {
      await play(consistency, 1, async (scene) => {
        void scene.cluster.workers[2]?.kill();
        await scene.pass(400);
        const { chains } = await whoIsWaitedFor(scene);
        expect(chains[0]?.cause).toBe("worker-3");
        expect(chains[0]?.state).toMatch(/^no answer/);
        await scene.pass(leaseMs + 500);
        expect((await scene.why()).summary).toMatch(/the lease of worker-3 has ended/);
      });
    });
  });
}

describe("a run in which all is well", () => {
  it("waits for nobody while every worker computes, and says how it ended", async () => {
    await play({ mode: "asynchronous" }, 1, async ({ why, cluster, run, pass }) => {
      let summary = "";
      for (let attempts = 0; attempts < 20 && summary !== "nothing waits: every worker has work"; attempts += 1) {
        ({ summary } = await why());
        await pass(33);
      }
      expect(summary).toBe("nothing waits: every worker has work");
      await cluster.ended(run, 600_000);
      expect((await why()).summary).toMatch(/^the run has ended: completed/);
    });
  });
});
