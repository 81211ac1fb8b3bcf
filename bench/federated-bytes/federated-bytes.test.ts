import { createRandom } from "@shoal/actors";
import { createKernelCodec } from "@shoal/edge-client";
import { partitionEvenly } from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { generateDigits, parseModelSpec } from "@shoal/models";
import { afterAll, expect, it } from "vitest";
import { createClientPool } from "../fedavg/client-pool.ts";
import { createJudge } from "../fedavg/judge.ts";
import { playUpLink } from "./index.ts";
import { createUpLink } from "./up-link.ts";

const dataset = generateDigits({ samples: 800, testSamples: 200 });
const spec = parseModelSpec({
  inputs: 784,
  layers: [{ type: "dense", outputs: 10 }],
  loss: { type: "softmax_cross_entropy" },
});
const partition = partitionEvenly(800, 8, createRandom(1));
const federation = { partition, selected: 4, epochs: 1, learningRate: 0.1, seed: 7 };
const pool = createClientPool({ dataset, spec, batchSize: 10 }, 1);
const judge = await createJudge(spec, dataset.test);
const codec = createKernelCodec(await loadKernelModules());

afterAll(() => pool.close());

it("int8, int4 and a tenth of the values save what they should and cost little accuracy", async () => {
  const play = (encoding: string) => playUpLink(federation, { encoding }, 12, { pool, judge, codec });
  const exact = await play("float32");
  expect(exact.bytesEach).toBe(4 * 7850);
  // Guessing is right once in ten times.
  expect(exact.accuracy).toBeGreaterThan(0.5);
  for (const [encoding, smaller, lost] of [
    ["int8", 3.6, 0.01],
    ["int4", 6.5, 0.01],
    ["top_k", 4.9, 0.03],
  ] as const) {
    const played = await play(encoding);
    expect(exact.bytesEach / played.bytesEach).toBeGreaterThan(smaller);
    // Of 200 test samples one is half a point.
    expect(exact.accuracy - played.accuracy).toBeLessThanOrEqual(lost);
  }
});

it("a client's next update brings along what its last one lacked, unless that is forgotten", () => {
  const [first, second] = [new Float32Array(100), new Float32Array(100)];
  first.fill(0.25);
  first.fill(1, 0, 10);
  second.fill(0.5, 90);
  const arrived = [false, true].map((forgets) => {
    const upLink = createUpLink(codec, { encoding: "top_k", forgets });
    expect([...upLink.carry(3, 1, first)]).toEqual([...first].map((value) => (value === 1 ? 1 : 0)));
    upLink.carry(4, 1, second);
    return upLink.carry(3, 2, second)[99];
  });
  expect(arrived).toEqual([0.75, 0.5]);
});
