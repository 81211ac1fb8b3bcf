import { createRandom } from "@shoal/actors";
import { partitionEvenly } from "@shoal/federated";
import { generateDigits, parseModelSpec } from "@shoal/models";
import { afterAll, expect, it } from "vitest";
import { createClientPool } from "../fedavg/client-pool.ts";
import { createJudge } from "../fedavg/judge.ts";
import { attackedUpdate, attackNames, type AttackName } from "./attacks.ts";
import { playDefence } from "./defended-rounds.ts";

const dataset = generateDigits({ samples: 440, testSamples: 100 });
const spec = parseModelSpec({
  inputs: 784,
  layers: [{ type: "dense", outputs: 10 }],
  loss: { type: "softmax_cross_entropy" },
});
const partition = partitionEvenly(440, 11, createRandom(1));
const federation = { partition, selected: 11, epochs: 4, learningRate: 0.1, seed: 7 };
const pool = createClientPool({ dataset, spec, batchSize: 10 }, 1);
const judge = await createJudge(spec, dataset.test);

afterAll(() => pool.close());

it.each(attackNames)("three rounds with %s learn under Bulyan", async (attack) => {
  const defence = { attack, rule: { name: "bulyan", byzantine: 2 }, liars: 2, rounds: 3 } as const;
  const { accuracy, refused } = await playDefence(federation, defence, pool, judge);
  // Guessing is right once in ten times.
  expect(accuracy).toBeGreaterThan(0.3);
  expect(refused).toBe(attack === "not a number" ? 6 : 0);
});

it("the mean of honest clients and noise is worse than that of honest clients", async () => {
  const { accuracy } = await playDefence(
    federation,
    { attack: "noise", rule: { name: "mean" }, liars: 2, rounds: 3 },
    pool,
    judge,
  );
  const honest = await playDefence(
    federation,
    { attack: "none", rule: { name: "mean" }, liars: 2, rounds: 3 },
    pool,
    judge,
  );
  expect(accuracy).toBeLessThan(honest.accuracy);
});

it("what is sent depends on the seed alone, and honest updates are left as they are", () => {
  const update = Float32Array.of(1, -2, 3);
  const sent = (attack: AttackName): number[] => [...attackedUpdate(attack, update, "seed")];
  for (const attack of attackNames) expect(sent(attack)).toEqual(sent(attack));
  expect([sent("none"), sent("label flip")]).toEqual([
    [1, -2, 3],
    [1, -2, 3],
  ]);
  expect([sent("sign flip"), sent("times 100")]).toEqual([
    [-1, 2, -3],
    [100, -200, 300],
  ]);
  expect(sent("not a number")).toEqual([NaN, -2, 3]);
});
