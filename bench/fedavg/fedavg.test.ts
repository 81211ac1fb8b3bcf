import { createRandom } from "@shoal/actors";
import { partitionEvenly } from "@shoal/federated";
import { generateDigits, parseModelSpec } from "@shoal/models";
import { describe, expect, it } from "vitest";
import { createClientPool } from "./client-pool.ts";
import { roundsTo } from "./crossing.ts";
import { playRounds, selectClients, type Federation } from "./federation.ts";
import { createJudge } from "./judge.ts";
import { paperRows } from "./paper-rows.ts";
import { selectSamples } from "./select-samples.ts";

const dataset = generateDigits({ samples: 400, testSamples: 100 });
const spec = parseModelSpec({
  inputs: 784,
  layers: [{ type: "dense", outputs: 10 }],
  loss: { type: "softmax_cross_entropy" },
});
const partition = partitionEvenly(400, 8, createRandom(1));
const federation: Federation = { partition, selected: 3, epochs: 4, learningRate: 0.1, seed: 7 };

describe("rounds of a federation", () => {
  it("learn, and are the same however many threads train the clients", { timeout: 60_000 }, async () => {
    const judge = await createJudge(spec, dataset.test);
    const curves = await Promise.all(
      [1, 2].map(async (threads) => {
        const pool = createClientPool({ dataset, spec, batchSize: 10 }, threads);
        const curve: number[] = [];
        try {
          await playRounds(federation, pool, judge, (round, accuracy) => {
            curve.push(accuracy);
            return round >= 4;
          });
        } finally {
          await pool.close();
        }
        return curve;
      }),
    );
    expect(curves[1]).toEqual(curves[0]);
    // Guessing is right once in ten times.
    expect(curves[0]?.[3]).toBeGreaterThan(0.3);
  });

  it("select other clients each time, none of them twice", () => {
    const rounds = Array.from({ length: 20 }, (_, round) => selectClients(federation, round));
    expect(rounds.every((clients) => new Set(clients).size === 3)).toBe(true);
    expect(new Set(rounds.flat()).size).toBe(8);
    expect(selectClients(federation, 5)).toEqual(rounds[5]);
  });
});

describe("the paper's curve", () => {
  it.each([
    [[0.5, 0.8, 0.9, 0.97, 0.99], 0.97, 4],
    [[0.5, 0.9, 0.8, 1], 0.95, 3.5],
    [[0.99], 0.97, 1],
    [[0.5, 0.6], 0.97, undefined],
  ])("%j reaches %d after %s rounds", (curve, target, expected) => {
    const found = roundsTo(target, curve);
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found).toBeCloseTo(expected, 12);
  });
});

it("the paper's models have the paper's parameters", async () => {
  const sizes = paperRows.map(async (row) => (await createJudge(row.spec, dataset.test)).initial(1).length);
  expect(await Promise.all(sizes)).toEqual([199_210, 199_210, 1_663_370]);
});

it("a client's samples are those that it was dealt, with the labels that it believes in", () => {
  const own = selectSamples(dataset.train, Uint32Array.of(3, 1), (label) => 9 - label);
  const [target, all] = [Object.values(own.targets)[0], Object.values(dataset.train.targets)[0]];
  if (target?.kind !== "labels" || all?.kind !== "labels") throw new TypeError("digits have labels");
  expect([...target.values]).toEqual([9 - (all.values[3] ?? NaN), 9 - (all.values[1] ?? NaN)]);
  expect(own.count).toBe(2);
});
