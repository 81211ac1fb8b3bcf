/**
 * O21: torchft's regression case of streaming DiLoCo. Two layers of ones (ours of 16, the least that a shard has) whose gradient is always 2, inner rate 1, outer
 * rate 2, a fragment each, one of which is exchanged every 3 steps in turn, two replicas: the real local updates of two
 * workers, exchanged with real shards. All numbers are halves and quarters, so nothing is rounded.
 *
 * Torchft takes a fragment's change `delay` steps before the exchange; ours is taken at the end of a round and arrives
 * `delay` steps into the next, which is the same with a first round that is so much shorter.
 */
import { parseOptimizerSpec, plainTreatment } from "@shoal/optimization";
import type { LocalCommunication, ParameterLink } from "@shoal/protocol";
import { expect, test } from "vitest";
import {
  createLocalUpdates,
  replicaBytes,
  type LocalPlan,
} from "../../../packages/worker/src/compute/local-updates.ts";
import { membersOf, type CaseCluster, type CaseRun, type MakeCluster } from "./case-cluster.ts";
import { createCaseWorker } from "./case-worker.ts";

/** What a replica has before each step. */
const published = [
  {
    ...{ delay: 0, mixing: 0 },
    first: [1, -1, -3, -11, -13, -15, -17, -19, -21, -35, -37, -39, -41, -43, -45, -59],
    second: [1, -1, -3, -5, -7, -9, -23, -25, -27, -29, -31, -33, -47, -49, -51, -53],
  },
  {
    ...{ delay: 0, mixing: 0.5 },
    first: [1, -1, -3, -8, -10, -12, -14, -16, -18, -24.5, -26.5, -28.5, -30.5, -32.5, -34.5, -40.25],
    second: [1, -1, -3, -5, -7, -9, -17, -19, -21, -23, -25, -27, -32, -34, -36, -38],
  },
  {
    ...{ delay: 0, mixing: 1 },
    first: [1, -1, -3, -5, -7, -9, -11, -13, -15, -17, -19, -21, -23, -25, -27, -29],
    second: [1, -1, -3, -5, -7, -9, -11, -13, -15, -17, -19, -21, -23, -25, -27, -29],
  },
  {
    ...{ delay: 1, mixing: 0 },
    first: [1, -1, -3, -7, -9, -11, -13, -15, -17, -27, -29, -31, -33, -35, -37, -47],
    second: [1, -1, -3, -5, -7, -9, -19, -21, -23, -25, -27, -29, -39, -41, -43, -45],
  },
  {
    ...{ delay: 1, mixing: 0.5 },
    first: [1, -1, -3, -6, -8, -10, -12, -14, -16, -21.5, -23.5, -25.5, -27.5, -29.5, -31.5, -35.75],
    second: [1, -1, -3, -5, -7, -9, -15, -17, -19, -21, -23, -25, -29, -31, -33, -35],
  },
  {
    ...{ delay: 1, mixing: 1 },
    first: [1, -1, -3, -5, -7, -9, -11, -13, -15, -17, -19, -21, -23, -25, -27, -29],
    second: [1, -1, -3, -5, -7, -9, -11, -13, -15, -17, -19, -21, -23, -25, -27, -29],
  },
] as const;

type Stream = Extract<LocalCommunication, { readonly name: "diloco" }>;

const fragments = 2;
/** Keys of a fragment, all of the same value. */
const width = 16;
const size = fragments * width;
const deadline = { deadlineMs: 10_000 };

/** The value of each fragment, which all of its keys have. */
function eachFragment(vector: Float32Array): readonly number[] {
  expect(vector.every((value, key) => value === vector[key - (key % width)])).toBe(true);
  return [0, width].map((key) => vector[key] ?? NaN);
}

interface Replica {
  /** A value of each fragment before each step. */
  readonly history: (readonly number[])[];
  /** Values of the shards, as they were pulled last. */
  readonly pulled: Float32Array;
  /** Computes a round, pushes the fragment whose turn it is, and pulls. */
  round(round: number, steps: number): Promise<void>;
}

function createReplica(it: CaseCluster, run: CaseRun, slot: number, stream: Stream): Replica {
  const { kernels, memory } = it.kit;
  const plan: LocalPlan = {
    communication: stream,
    optimizer: parseOptimizerSpec({ name: "sgd", learningRate: 1 }),
    schedule: { name: "constant" },
    ranges: [{ begin: 0, end: size, treatment: plainTreatment }],
    batchSize: 1,
    fragments: run.ranges,
  };
  const update = createLocalUpdates(plan, { size, kernels, memory: memory.memory });
  const region = memory.allocate(replicaBytes(plan, size));
  const [pulled, out] = [memory.allocate(4 * size), memory.allocate(4 * size)];
  const values = (at: number): Float32Array => memory.floats(at, size);
  const links = run.connect(slot + 1);
  const history: (readonly number[])[] = [];
  values(pulled.byteOffset).fill(1);

  const exchange = async (link: ParameterLink, shard: number, round: number): Promise<void> => {
    const part = (at: number): Float32Array => values(at).subarray(shard * width, (shard + 1) * width);
    const isDue = round % fragments === shard;
    await link.push(
      {
        ...{ shard, sequence: round + 1, clock: round, baseVersion: round, batch: round * 2 + slot },
        samples: isDue ? 1 : 0,
        gradient: isDue ? part(out.byteOffset) : new Float32Array(0),
      },
      deadline,
    );
    await link.pull({ shard, clock: round + 1, into: part(pulled.byteOffset) }, deadline);
  };
  return {
    history,
    pulled: values(pulled.byteOffset),
    async round(round, steps) {
      update(
        { slot, round, region },
        {
          pulled: pulled.byteOffset,
          arrive: () => undefined,
          out: out.byteOffset,
          batches: steps,
          gradient(_batch, parameters) {
            history.push(eachFragment(values(parameters)));
            values(out.byteOffset).fill(2);
          },
        },
      );
      await Promise.all(links.map((link, shard) => exchange(link, shard, round)));
    },
  };
}

async function hostFragments(it: CaseCluster): Promise<CaseRun> {
  const run = await it.host({
    ...{ run: "stream", size, slots: 2, members: membersOf(1, [1, 2]) },
    optimizer: { name: "sgd", learningRate: 2 },
    consistency: { mode: "synchronous" },
  });
  await createCaseWorker(run, 1).initialize(new Float32Array(size).fill(1));
  return run;
}

const streamOf = (delay: number, mixing: number): Stream => ({
  ...{ name: "diloco", steps: 6, outerLearningRate: 2, outerMomentum: 0, fragments },
  ...{ delay, mixing },
});

async function within(makeCluster: MakeCluster, body: (it: CaseCluster) => Promise<void>): Promise<void> {
  const cluster = await makeCluster(fragments);
  try {
    await body(cluster);
  } finally {
    await cluster.close();
  }
}

export function describeStreamingCases(makeCluster: MakeCluster): void {
  test.each(published)(
    "O21: streaming DiLoCo, delay $delay and mixing $mixing, goes through the published values",
    ({ delay, mixing, first, second }) =>
      within(makeCluster, async (it) => {
        const run = await hostFragments(it);
        const replicas = [0, 1].map((slot) => createReplica(it, run, slot, streamOf(delay, mixing)));
        for (let round = 0; round < 6; round += 1) {
          await Promise.all(replicas.map((each) => each.round(round, round === 0 ? 3 - delay : 3)));
        }
        for (const { history } of replicas) {
          expect(history.slice(0, 16)).toEqual(first.map((value, step) => [value, second[step]]));
        }
      }),
  );

  test("O21: a replica that fails and begins afresh costs one exchange a part of its steps, and is in line again", () =>
    within(makeCluster, async (it) => {
      const run = await hostFragments(it);
      const steady = createReplica(it, run, 0, streamOf(0, 0));
      let other = createReplica(it, run, 1, streamOf(0, 0));
      const global: (readonly number[])[] = [];
      for (let round = 0; round < 6; round += 1) {
        if (round === 2) {
          // Ours begins from what the shards have; torchft's takes over what the survivor has in hand.
          const { pulled } = other;
          other = createReplica(it, run, 1, streamOf(0, 0));
          other.pulled.set(pulled);
        }
        await Promise.all([steady.round(round, 3), other.round(round, 3)]);
        global.push(eachFragment(steady.pulled));
      }
      // Undisturbed the first goes on by 24 each time. At its next exchange the newcomer has taken 3 of 6 steps: 18.
      expect(global).toEqual([
        [-11, 1],
        [-11, -23],
        [-29, -23],
        [-29, -47],
        [-53, -47],
        [-53, -71],
      ]);
      expect(other.history.at(-1)).toEqual(steady.history.at(-1));
    }));
}
