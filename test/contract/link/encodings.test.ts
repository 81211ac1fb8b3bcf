/** Encoded vectors over both links: the same numbers, and what the ends keep of each other. */
import { createRandom, systemClock } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { parseEncodingSpec, type ConcreteEncodingSpec } from "@shoal/optimization";
import type { LinkFactory, Placement, Traffic } from "@shoal/protocol";
import { createParameterClient, type ParameterClient } from "@shoal/worker";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  identityOf,
  makeGrpcScene,
  makeInProcessScene,
  type LinkScene,
  type MakeLinkScene,
} from "../../support/link-scene.ts";
import { plainShards } from "../../support/plain-shards.ts";

const lossy = [
  { name: "bfloat16" },
  { name: "float16" },
  { name: "int8" },
  { name: "int4" },
  { name: "one_bit" },
  { name: "two_bit", threshold: 0.01 },
  { name: "top_k", share: 0.1 },
  { name: "random_k", share: 0.1 },
  { name: "power_sgd", rank: 1 },
];
const exact = { name: "float32" };
const sizes = [600, 424];
const size = 1024;
/** Whole rows of one matrix on either side of the cut, and a range that is never encoded. */
const layouts = [
  { matrices: [[0, 20, 30]], plain: [] },
  { matrices: [[0, 10, 40]], plain: [[400, 424]] },
] as const;

interface Play {
  readonly scene: LinkScene;
  readonly clients: readonly ParameterClient[];
  readonly gradients: readonly Float32Array[];
  readonly into: readonly Float32Array[];
}

interface PlayOptions {
  readonly push: object;
  readonly pull: object;
  readonly frozen?: boolean;
  readonly staleness?: object;
  readonly wrap?: (links: LinkFactory) => LinkFactory;
}

async function play(
  make: MakeLinkScene,
  { push, pull, frozen = false, staleness, wrap = (links) => links }: PlayOptions,
): Promise<Play> {
  const { shards, treatments } = plainShards(...sizes.map((keys, shard) => ({ shard, begin: 0, end: keys })));
  const scene = await make({
    sizes,
    fill: 1,
    hosting: {
      shards: shards.map((shard, index) => ({ ...shard, encoding: layouts[index] })),
      treatments: frozen ? [{ kind: "frozen" }] : treatments,
      optimizer: { name: "sgd", learningRate: 0.1 },
      staleness: { weight: { name: "none" }, ...staleness },
      encoding: { push: { ...push }, pull: { ...pull } },
    },
  });
  const { kernels, memory } = scene;
  const links = wrap({ connect: (_endpoint, identity) => scene.link(identity.worker, identity) });
  let next = 0;
  const placement: Placement = {
    term: 1,
    shards: sizes.map((keys, shard) => {
      const begin = next;
      next += keys;
      return { shard, begin, end: next, node: "server-1", endpoint: "server-1", encoding: layouts[shard] };
    }),
  };
  const clients = [1, 2].map((worker) =>
    createParameterClient({
      ...{ identity: identityOf(worker), placement, links, clock: systemClock, random: createRandom(worker) },
      retry: { attemptMs: 2000 },
      encoding: {
        push: parseEncodingSpec(push),
        pull: parseEncodingSpec(pull) as ConcreteEncodingSpec,
        kernels,
        memory,
      },
    }),
  );
  return {
    scene,
    clients,
    gradients: clients.map(() => scene.floats(size)),
    into: clients.map(() => scene.floats(size)),
  };
}

/** Both workers pull and push in turn. @returns every vector that was pulled */
async function train({ clients, gradients, into }: Play, rounds: number): Promise<readonly (readonly number[])[]> {
  const random = createRandom("gradients");
  const pulled: number[][] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const [worker, client] of clients.entries()) {
      const [gradient, values] = [gradients[worker], into[worker]];
      if (gradient === undefined || values === undefined) throw new RangeError("a worker without buffers");
      const base = await client.pull({ clock: round, into: values });
      pulled.push([...values]);
      gradient.forEach((_, index) => (gradient[index] = random.uniform() - 0.4 + (values[index] ?? 0) / 10));
      const computed = { startedAtMs: 0, endedAtMs: 1, samples: 4, loss: 1 };
      await client.push({ clock: round, batch: null, samples: 4, gradient, base, computed });
    }
  }
  return pulled;
}

async function end({ clients, scene }: Play): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
  await scene.close();
}

async function played(
  make: MakeLinkScene,
  options: PlayOptions,
): Promise<{ values: unknown; traffic: Traffic | undefined }> {
  const under = await play(make, options);
  try {
    const values = await train(under, 6);
    return { values, traffic: under.clients[0]?.takeTraffic() };
  } finally {
    await end(under);
  }
}

describe("encoded vectors", () => {
  it.each(lossy)("are the same numbers over both links: pushes as $name", async (push) => {
    const [here, there] = [
      await played(makeInProcessScene, { push, pull: exact }),
      await played(makeGrpcScene, { push, pull: exact }),
    ];
    expect(there).toEqual(here); // bit for bit: the same bytes are decoded
    expect(here.traffic?.pushedAfter).toBeLessThan(here.traffic?.pushedBefore ?? 0);
    expect(here.traffic?.errors).toBe(12);
  });

  it.each(lossy)("are the same numbers over both links: pulls as $name", async (pull) => {
    const [here, there] = [
      await played(makeInProcessScene, { push: exact, pull }),
      await played(makeGrpcScene, { push: exact, pull }),
    ];
    expect(there).toEqual(here);
    // The first pull of each shard comes whole.
    expect(here.traffic?.pulledAfter).toBeLessThan(here.traffic?.pulledBefore ?? 0);
    expect(here.traffic?.pulledAfter).toBeGreaterThan(4 * size);
  });

  it("are exact as float32, which nothing is kept of", async () => {
    const plain = await played(makeInProcessScene, { push: exact, pull: exact });
    expect(await played(makeGrpcScene, { push: exact, pull: exact })).toEqual(plain);
    expect(plain.traffic?.pushedAfter).toBe(plain.traffic?.pushedBefore);
  });

  it.each(lossy)("bring pulled values nearer with every pull: as $name", async (pull) => {
    const under = await play(makeInProcessScene, { push: exact, pull });
    try {
      await train(under, 3);
      const [follower, driver] = under.clients;
      const [values, other] = under.into;
      const [, zeros] = under.gradients;
      if (follower === undefined || driver === undefined || !values || !other || !zeros)
        throw new RangeError("two workers");
      zeros.fill(0);
      const distances: number[] = [];
      const truth = new Float32Array(size);
      for (let round = 0; round < 40; round += 1) {
        // A gradient of zero moves the version and not the values: what is left is what the encoding has lost.
        const base = await follower.pull({ clock: 9, into: values });
        const computed = { startedAtMs: 0, endedAtMs: 1, samples: 4, loss: 1 };
        await driver.push({ clock: 9, batch: null, samples: 4, gradient: zeros, base, computed });
        const link = under.scene.link(2);
        await link.pull({ shard: 0, clock: 9, into: truth.subarray(0, 600) }, { deadlineMs: 2000 });
        await link.pull({ shard: 1, clock: 9, into: truth.subarray(600) }, { deadlineMs: 2000 });
        distances.push(Math.hypot(...truth.map((value, index) => value - (values[index] ?? 0))));
      }
      // Also the slowest, random-k with a tenth of the elements, has sent most of what was missing by then.
      expect(distances.at(-1)).toBeLessThanOrEqual(0.35 * (distances[0] ?? 0) + 1e-3);
    } finally {
      await end(under);
    }
  });

  it.each([
    ["in-process", makeInProcessScene],
    ["gRPC", makeGrpcScene as MakeLinkScene],
  ])("are not sent again while nothing changes (%s)", async (_name, make) => {
    const under = await play(make, { push: exact, pull: exact, frozen: true });
    try {
      const pulled = await train(under, 4);
      for (const values of pulled) expect(values).toEqual(pulled[0]);
      const [client] = under.clients;
      expect(client?.takeTraffic()).toMatchObject({ pulledBefore: 4 * 4 * size, pulledAfter: 4 * size });
      const elsewhere = under.scene.floats(size);
      await client?.pull({ clock: 9, into: elsewhere });
      expect([...elsewhere]).toEqual(pulled[0]); // another buffer gets what lies in the first
      expect(client?.takeTraffic().pulledAfter).toBe(0);
    } finally {
      await end(under);
    }
  });

  it("come whole to a worker that missed a reply", async () => {
    const forms: string[] = [];
    let replies = 0;
    const wrap = (links: LinkFactory): LinkFactory => ({
      connect(endpoint, identity) {
        const link = links.connect(endpoint, identity);
        const pull: typeof link.pull = async (request, options) => {
          const reply = await link.pull(request, options);
          if (identity.worker !== 1 || request.shard !== 0) return reply;
          replies += 1;
          const isLost = replies % 3 === 0;
          forms.push(`${reply.form ?? "whole"}${isLost ? " lost" : ""}`);
          if (isLost) throw new ShoalError("transport_lost", "the reply is lost");
          return reply;
        };
        return { ...link, pull };
      },
    });
    const under = await play(makeInProcessScene, { push: exact, pull: { name: "int8" }, wrap });
    try {
      await train(under, 6);
      expect(forms).toEqual([
        ...["whole", "difference", "difference lost", "whole", "difference"],
        ...["difference lost", "whole", "difference"],
      ]);
    } finally {
      await end(under);
    }
  });

  it("are what the shards had, whatever is lost, repeated and pulled into which buffer", async () => {
    const event = fc.constantFrom("update", "pull here", "pull there", "lose a reply", "lose a request");
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 25 }), fc.boolean(), async (events, frozen) => {
        const next = { reply: false, request: false };
        const wrap = (links: LinkFactory): LinkFactory => ({
          connect(endpoint, identity) {
            const link = links.connect(endpoint, identity);
            const pull: typeof link.pull = async (request, options) => {
              const [request_, reply_] = [next.request, next.reply];
              Object.assign(next, { request: false, reply: false });
              if (request_) throw new ShoalError("transport_lost", "the request is lost");
              const reply = await link.pull(request, options);
              if (reply_) throw new ShoalError("transport_lost", "the reply is lost");
              return reply;
            };
            return { ...link, pull };
          },
        });
        const under = await play(makeInProcessScene, { push: exact, pull: exact, frozen, wrap });
        const [client] = under.clients;
        const [here, there] = under.into;
        const [gradient] = under.gradients;
        if (client === undefined || !here || !there || !gradient) throw new RangeError("a worker with buffers");
        try {
          let truth = 1;
          for (const what of events) {
            if (what === "lose a reply") next.reply = true;
            else if (what === "lose a request") next.request = true;
            else if (what === "update") {
              const base = [0, 0];
              const computed = { startedAtMs: 0, endedAtMs: 1, samples: 1, loss: 1 };
              await client.push({ clock: 0, batch: null, samples: 1, gradient: gradient.fill(1), base, computed });
              truth = frozen ? 1 : Math.fround(truth - Math.fround(0.1));
            } else {
              const into = what === "pull here" ? here : there;
              await client.pull({ clock: 0, into });
              expect(into.every((value) => Math.abs(value - truth) < 1e-5)).toBe(true); // roundings of 25 steps
            }
          }
        } finally {
          await end(under);
        }
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ["in-process", makeInProcessScene],
    ["gRPC", makeGrpcScene as MakeLinkScene],
  ])("leave gradients of lossy pulls to be compensated from where they were taken (%s)", async (_name, make) => {
    const lambda = 2;
    const staleness = { compensation: { name: "constant", lambda } };
    const under = await play(make, { push: exact, pull: { name: "top_k", share: 0.1 }, staleness });
    try {
      await train(under, 2);
      const [client] = under.clients;
      const [values] = under.into;
      const [gradient] = under.gradients;
      if (client === undefined || !values || !gradient) throw new RangeError("a worker with buffers");
      const base = await client.pull({ clock: 2, into: values });
      const look = async (): Promise<Float32Array> => {
        const found = new Float32Array(size);
        const link = under.scene.link(2);
        await link.pull({ shard: 0, clock: 9, into: found.subarray(0, 600) }, { deadlineMs: 2000 });
        await link.pull({ shard: 1, clock: 9, into: found.subarray(600) }, { deadlineMs: 2000 });
        return found;
      };
      const before = await look();
      const computed = { startedAtMs: 0, endedAtMs: 1, samples: 4, loss: 1 };
      await client.push({ clock: 2, batch: null, samples: 4, gradient: gradient.fill(0.5), base, computed });
      const after = await look();
      expect(before.filter((value, index) => value !== values[index]).length).toBeGreaterThan(size / 2);
      for (const [index, value] of after.entries()) {
        const [w, held] = [before[index] ?? NaN, values[index] ?? NaN];
        // A few roundings of values about 1.
        expect(Math.abs(value - (w - 0.1 * (0.5 + lambda * 0.25 * (w - held))))).toBeLessThan(1e-6);
      }
    } finally {
      await end(under);
    }
  });

  it("in an encoding that the run does not have are refused", async () => {
    const under = await play(makeGrpcScene, { push: { name: "int8" }, pull: exact });
    try {
      const link = under.scene.link(1);
      const push = { shard: 0, sequence: 1, clock: 0, baseVersion: 0, batch: null, samples: 1 };
      const asFloats = link.push({ ...push, gradient: under.scene.floats(600) }, { deadlineMs: 2000 });
      await expect(asFloats).rejects.toMatchObject({ code: "invalid_argument" });
      const other = link.push({ ...push, encoding: "int4", gradient: under.scene.floats(90) }, { deadlineMs: 2000 });
      await expect(other).rejects.toMatchObject({ code: "invalid_argument" });
      const short = link.push({ ...push, encoding: "int8", gradient: under.scene.floats(90) }, { deadlineMs: 2000 });
      await expect(short).rejects.toMatchObject({ code: "layout_mismatch" });
    } finally {
      await end(under);
    }
  });
});
