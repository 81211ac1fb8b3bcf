/**
 * Encodings: published rows, what a link and a shard make of them; gradients encoded on their way up and values on their
 * way down beside plain loops (BytePS); and nothing is ever lost.
 */
import { createRandom, systemClock } from "@shoal/actors";
import { createDecoder, createEncoder, parseEncodingSpec, type Encoder } from "@shoal/optimization";
import type { ConcreteEncodingSpec, EncodingLayout } from "@shoal/optimization";
import type { ParameterLink, ShardAssignment } from "@shoal/protocol";
import { createParameterClient } from "@shoal/worker";
import fc from "fast-check";
import { expect, test } from "vitest";
import { membersOf, type CaseCluster, type CaseRun, type MakeCluster } from "./case-cluster.ts";
import { createCaseWorker } from "./case-worker.ts";
import { expectNear } from "./near.ts";
import { takeRow } from "./published-rows.ts";

const deadline = { deadlineMs: 10_000 };
const exact = { name: "float32" };

type Spec = { readonly name: string } & Readonly<Record<string, unknown>>;

interface Pusher {
  readonly encoder: Encoder;
  /** Encodes a gradient and pushes it; the shard adds it to its values. @returns what it added */
  send(gradient: ArrayLike<number>): Promise<number[]>;
}

interface Scene {
  readonly push: Spec;
  readonly pull?: Spec;
  readonly size: number;
  readonly layout?: NonNullable<ShardAssignment["encoding"]>;
}

async function within(makeCluster: MakeCluster, body: (it: CaseCluster) => Promise<void>): Promise<void> {
  const cluster = await makeCluster(1);
  try {
    await body(cluster);
  } finally {
    await cluster.close();
  }
}

const concrete = (spec: Spec): ConcreteEncodingSpec => parseEncodingSpec(spec) as ConcreteEncodingSpec;

/** A shard that adds what is pushed to values of zero. */
async function hostSums(it: CaseCluster, name: string, { push, pull = exact, size, layout }: Scene): Promise<CaseRun> {
  const run = await it.host({
    ...{ run: name, size, encoding: { push, pull } },
    ...(layout && { layout }),
    optimizer: { name: "accumulate" },
    staleness: { weight: { name: "none" } },
    members: membersOf(1, [1, 2, 3]),
  });
  await createCaseWorker(run, 3).initialize(new Float32Array(size));
  return run;
}

function createPusher(it: CaseCluster, run: CaseRun, { push, size, layout }: Scene, worker = 1): Pusher {
  const { kernels, memory } = it.kit;
  const matrices = layout?.matrices.map(([offset, rows, columns]) => ({ offset, rows, columns }));
  const site: EncodingLayout = { size, ...(matrices && { matrices }) };
  const encoder = createEncoder(concrete(push), { ...site, kernels, memory });
  const [vector, encoded] = [memory.allocate(4 * size), memory.allocate(encoder.bytes)].map((it) => it.byteOffset);
  if (vector === undefined || encoded === undefined) throw new RangeError("two vectors");
  const link = run.connect(worker)[0] as ParameterLink;
  let sequence = 0;
  let sum: readonly number[] = [];
  const pull = async (): Promise<readonly number[]> => {
    const into = new Float32Array(size);
    await link.pull({ shard: 0, clock: 0, into }, deadline);
    return [...into];
  };
  return {
    encoder,
    async send(gradient) {
      memory.floats(vector, size).set(Float32Array.from(gradient));
      encoder.encode(vector, encoded, sequence);
      sequence += 1;
      const words = memory.floats(encoded, encoder.bytes / 4);
      const header = { shard: 0, sequence, clock: 0, baseVersion: 0, batch: null, samples: 1 };
      const reply = await link.push({ ...header, encoding: push.name, gradient: words }, deadline);
      expect(reply.type).toBe("push_applied");
      const former = sum;
      sum = await pull();
      return sum.map((value, key) => value - (former[key] ?? 0));
    },
  };
}

const residualOf = (encoder: Encoder): number[] => [...(encoder.snapshot().residual ?? [])];

interface Sent {
  readonly sent: readonly number[];
  readonly residual: readonly number[];
}

const vectors = [
  [1, -2, 0.5, 0.1],
  [0.9, 0.1, 0.5, 0.1],
  [0, 0, 0.5, 0.1],
];
const pushes = [[0.4], [0.2], [0.2], [0.2]];
const byFeedback = [
  [{ name: "top_k", share: 0.25 }, vectors, takeRow<readonly Sent[]>("topk1_ef")],
  [{ name: "one_bit" }, vectors.slice(0, 2), takeRow<readonly Sent[]>("ef_sign ")],
  [
    { name: "two_bit", threshold: 0.5 },
    pushes,
    takeRow<readonly (readonly [number, number])[]>("mxnet_2bit ").map(([sent, residual]): Sent => {
      return { sent: [sent], residual: [residual] };
    }),
  ],
] as const;

interface Factors {
  readonly Mhat: readonly (readonly number[])[];
  readonly error: readonly (readonly number[])[];
}

function describePublished(makeCluster: MakeCluster): void {
  test.each(byFeedback)("encodings: %j adds to the values, and keeps, what is published", (push, gradients, rows) =>
    within(makeCluster, async (it) => {
      const scene = { push, size: gradients[0]?.length ?? 0 };
      const pusher = createPusher(it, await hostSums(it, "rows", scene), scene);
      expect(rows).toHaveLength(gradients.length);
      for (const [index, { sent, residual }] of rows.entries()) {
        expectNear(await pusher.send(gradients[index] ?? []), sent, 2);
        expectNear(residualOf(pusher.encoder), residual, 2);
      }
    }),
  );

  const { Mhat, error } = takeRow<Factors>("powersgd_rank1 ");
  test("encodings: PowerSGD of rank 1 adds P·Qᵀ to the values and keeps M − P·Qᵀ", () =>
    within(makeCluster, async (it) => {
      // A row and a column of zeros more: a matrix of 2×2 has no factors that are smaller than itself.
      const widen = (matrix: Factors["Mhat"]): number[] =>
        [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => matrix[row]?.[column] ?? 0));
      const layout = { matrices: [[0, 3, 3]], plain: [] } as const;
      const scene = { push: { name: "power_sgd", rank: 1 }, size: 9, layout };
      const { encoder, send } = createPusher(it, await hostSums(it, "power", scene), scene);
      encoder.restore({ name: "power_sgd", residual: new Float32Array(9), factors: Float32Array.of(1, 0, 0) });
      expectNear(await send([1, 2, 0, 3, 4, 0, 0, 0, 0]), widen(Mhat), 5);
      expectNear(residualOf(encoder), widen(error), 5);
    }));
}

const lossy = [
  { name: "bfloat16" },
  { name: "float16" },
  { name: "int8" },
  { name: "int4" },
  { name: "one_bit" },
  { name: "two_bit", threshold: 0.5 },
  { name: "top_k", share: 0.2 },
  { name: "random_k", share: 0.2 },
  { name: "power_sgd", rank: 1 },
] as const;

function describeNothingLost(makeCluster: MakeCluster): void {
  test.each(lossy)(
    "encodings: what two workers have sent as $name, and their unsent errors, are their gradients",
    (push) =>
      within(makeCluster, async (it) => {
        let trial = 0;
        const element = fc.float({ min: -100, max: 100, noNaN: true });
        const rows = fc.array(fc.array(element, { minLength: 24, maxLength: 24 }), { minLength: 1, maxLength: 5 });
        await fc.assert(
          fc.asyncProperty(rows, rows, async (...gradients) => {
            const scene = { push, size: 24, layout: { matrices: [[0, 4, 6]], plain: [] } } as const;
            const run = await hostSums(it, `sums-${(trial += 1)}`, scene);
            const pushers = [1, 2].map((worker) => createPusher(it, run, scene, worker));
            for (const [index, pusher] of pushers.entries()) {
              for (const gradient of gradients[index] ?? []) await pusher.send(gradient);
            }
            const { values } = await createCaseWorker(run, 3).pull(0);
            const residuals = pushers.map(({ encoder }) => residualOf(encoder));
            const total = [...values].map((value, key) =>
              residuals.reduce((sum, each) => sum + (each[key] ?? 0), value),
            );
            const wanted = total.map((_, key) => gradients.flat().reduce((sum, each) => sum + (each[key] ?? 0), 0));
            // Ten vectors of magnitude 100, and what a block's scale makes of their errors: 1e-6 of 20 times that.
            expectNear(total, wanted, 2000);
            for (const { encoder } of pushers) encoder.dispose();
          }),
          { numRuns: 10 },
        );
      }),
  );
}

function describeTakenBack(makeCluster: MakeCluster): void {
  test("encodings: a push that is sent back leaves the error as it was, without the gradient that is computed again", () =>
    within(makeCluster, async (it) => {
      const size = 16;
      const run = await it.host({
        ...{ run: "back", size, encoding: { push: { name: "two_bit", threshold: 0.5 }, pull: exact } },
        optimizer: { name: "accumulate" },
        staleness: { weight: { name: "none" }, bound: 0 },
        members: membersOf(1, [1, 2]),
      });
      await createCaseWorker(run, 2).initialize(new Float32Array(size));
      const [mine, others] = [1, 2].map((worker) => createCodedClient(it, run, worker, size));
      if (mine === undefined || others === undefined) throw new RangeError("two workers");
      await mine.push(0.4, 0); // says 0 and keeps .4
      await others.push(0, 1);
      expect(await mine.push(0.3, 1)).toMatchObject([{ type: "push_rejected", reason: "too_stale" }]); // said .5, kept .2
      expect(await mine.push(0.2, 2)).toMatchObject([{ type: "push_applied" }]); // .4 + .2: says .5, keeps .1
      await mine.push(0.3, 3); // .1 + .3: says 0
      const { values } = await createCaseWorker(run, 2).pull(0);
      expectNear(values, new Float32Array(size).fill(0.5));
      await Promise.all([mine.close(), others.close()]);
    }));
}

/** The real client of a worker, whose gradients have one value everywhere. */
function createCodedClient(it: CaseCluster, run: CaseRun, worker: number, size: number) {
  const { kernels, memory } = it.kit;
  const client = createParameterClient({
    identity: { run: "back", worker, incarnation: 1, name: `worker-${worker}` },
    placement: { term: 1, shards: [{ shard: 0, begin: 0, end: size, node: "server-1", endpoint: "server-1" }] },
    links: { connect: () => run.connect(worker)[0] as ParameterLink },
    clock: systemClock,
    random: createRandom(worker),
    retry: { attemptMs: 5000 },
    encoding: { push: concrete({ name: "two_bit", threshold: 0.5 }), pull: concrete(exact), kernels, memory },
  });
  const gradient = memory.floats(memory.allocate(4 * size).byteOffset, size);
  let clock = 0;
  return {
    async push(value: number, baseVersion: number) {
      const computed = { startedAtMs: 0, endedAtMs: 1, samples: 1, loss: 0 };
      clock += 1;
      gradient.fill(value);
      return client.push({ clock: clock - 1, batch: null, samples: 1, gradient, base: [baseVersion], computed });
    },
    close: () => client.close(),
  };
}

/** C(p) in plain loops. */
type Compress = (p: Float32Array, draw: number) => Float32Array;

const scaledSign: Compress = (p) => {
  const scale = p.reduce((sum, value) => sum + Math.abs(value), 0) / p.length;
  return p.map((value) => Math.sign(value) * scale);
};

const topTenth: Compress = (p) => {
  const order = [...p.keys()].toSorted((a, b) => Math.abs(p[b] ?? 0) - Math.abs(p[a] ?? 0) || a - b);
  const chosen = new Set(order.slice(0, Math.ceil(p.length / 10)));
  return p.map((value, key) => (chosen.has(key) ? value : 0));
};

const twoBit: Compress = (p) => p.map((value) => (Math.abs(value) >= 0.5 ? Math.sign(value) * 0.5 : 0));

const twoWay: readonly (readonly [Spec, Compress])[] = [
  [{ name: "one_bit" }, scaledSign],
  [{ name: "two_bit", threshold: 0.5 }, twoBit],
  [{ name: "top_k", share: 0.1 }, topTenth],
];

/** A worker that pulls differences: what it has, and the stamp that says so. */
function createFollower(it: CaseCluster, run: CaseRun, { pull = exact, size }: Scene) {
  const { kernels, memory } = it.kit;
  const decoder = createDecoder(concrete(pull), { size, kernels, memory });
  const [had, difference] = [memory.allocate(4 * size), memory.allocate(decoder.bytes)].map((it) => it.byteOffset);
  if (had === undefined || difference === undefined) throw new RangeError("two vectors");
  const link = run.connect(2)[0] as ParameterLink;
  const into = memory.floats(had, size);
  let have = 0;
  return async (): Promise<readonly number[]> => {
    const words = memory.floats(difference, decoder.bytes / 4);
    const { form, stamp = 0 } = await link.pull({ shard: 0, clock: 0, into, have, difference: words }, deadline);
    if (form === "difference") decoder.accumulate(difference, decoder.bytes, had, 1);
    have = stamp;
    return [...into];
  };
}

function describeTwoWay(makeCluster: MakeCluster): void {
  test.each(twoWay)(
    "O22: encoded twice, up and down, as %j: what a worker has is that of plain loops",
    (spec, compress) =>
      within(makeCluster, async (it) => {
        const size = 60;
        const scene = { push: spec, pull: spec, size };
        const run = await hostSums(it, "two-way", scene);
        const pusher = createPusher(it, run, scene);
        const follow = createFollower(it, run, scene);
        await follow();
        const random = createRandom("gradients of O22");
        const [error, values, shadow] = [0, 1, 2].map(() => new Float32Array(size));
        if (!error || !values || !shadow) throw new RangeError("three vectors");
        const add = (into: Float32Array, what: Float32Array): void => what.forEach((v, key) => (into[key] = (into[key] ?? 0) + v)); // prettier-ignore
        for (let step = 0; step < 12; step += 1) {
          const gradient = Float32Array.from({ length: size }, () => random.uniform() - 0.5);
          add(error, gradient);
          const sent = compress(error, step);
          add(error, sent.map((value) => -value)); // prettier-ignore
          add(values, sent);
          add(shadow, compress(values.map((value, key) => value - (shadow[key] ?? 0)), step)); // prettier-ignore
          await pusher.send(gradient);
          // Float32 in both; sums over a block in another order, twelve times over.
          expectNear(await follow(), shadow, 10);
        }
        expect(Math.max(...shadow.map(Math.abs))).toBeGreaterThan(0.2);
      }),
  );
}

export function describeEncodingCases(makeCluster: MakeCluster): void {
  describePublished(makeCluster);
  describeNothingLost(makeCluster);
  describeTakenBack(makeCluster);
  describeTwoWay(makeCluster);
}
