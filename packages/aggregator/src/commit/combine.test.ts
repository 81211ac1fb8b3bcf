import {
  createRandomBits,
  describeVector,
  parseAggregationPolicy,
  parseRobustRule,
  type ContributionOffer,
} from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../../test/support/kernel-site.ts";
import type { StoredContribution } from "../contributions/contribution-store.ts";
import { combine, type CombineBase, type Combined, type CombinePlan } from "./combine.ts";

const size = 3;
const codecs = createVectorCodecs({ float32: { name: "float32" } }, { size }, createKernelSite("baseline"));

function contribution(client: string, update: number[], given: Partial<ContributionOffer> = {}): StoredContribution {
  const content = new Uint8Array(Float32Array.from(update).buffer);
  const offer: ContributionOffer = {
    ...{ id: `id of ${client}`, task: "t", round: 1, client, baseVersion: 4, samples: 1, steps: 1, loss: 1 },
    ...{ encoding: "float32", content: describeVector(content) },
  };
  return { offer: { ...offer, ...given }, content };
}

const planOf = (given: Partial<CombinePlan>): CombinePlan => ({
  ...{ policy: parseAggregationPolicy({ name: "fedavg", goal: 8 }), robust: null, privacy: null, sampleCap: 10 },
  ...{ local: { momentum: 0, proximal: 0 }, ...given },
});
const here: CombineBase = { version: 4, parameters: new Float32Array(size), valuesOf: () => undefined };

async function play(
  given: Partial<CombinePlan>,
  contributions: readonly StoredContribution[],
  base: Partial<CombineBase> = {},
): Promise<{ readonly update: readonly number[]; readonly combined: Combined; readonly pauses: number }> {
  const into = new Float32Array(size);
  let pauses = 0;
  const pause = async (): Promise<void> => void (pauses += 1);
  const work = { plan: planOf(given), base: { ...here, ...base }, codecs, into, pause };
  const combined = await combine(work, contributions);
  return { update: [...into].map((value) => -value + 0), combined, pauses };
}

describe("what a round comes to", () => {
  it("is the mean by samples, whatever the order in which they came", async () => {
    const given = [contribution("a", [1, 0, 0], { samples: 1 }), contribution("b", [0, 3, 0], { samples: 2 })];
    const { update, combined, pauses } = await play({}, given);
    expect(update[0]).toBeCloseTo(1 / 3, 6); // float32
    expect(update[1]).toBeCloseTo(2, 6);
    expect(combined).toMatchObject({ contributions: 2, samples: 3, refused: [] });
    expect(pauses).toBeGreaterThan(0);
    expect((await play({}, given.toReversed())).update).toEqual(update);
  });

  it("is without what the policy refuses, and says why", async () => {
    const old = contribution("old", [9, 9, 9], { baseVersion: 3 });
    const { update, combined } = await play({}, [contribution("a", [1, 1, 1]), old]);
    expect(update).toEqual([1, 1, 1]);
    expect(combined.contributions).toBe(1);
    expect(combined.refused).toEqual([{ client: "old", reason: expect.stringContaining("1 old, at most 0") }]);
  });

  it("is nothing when all are refused: no error, and nothing written", async () => {
    const claims = { steps: 1_000_000 };
    const policy = parseAggregationPolicy({ name: "fednova", goal: 2, accumulationCap: 50 });
    const { update, combined } = await play({ policy }, [contribution("a", [1, 1, 1], claims)]);
    expect(update).toEqual([0, 0, 0]);
    expect(combined).toMatchObject({ contributions: 0, samples: 0, loss: 0 });
    expect(combined.refused[0]?.reason).toContain("1000000, expected a number to 50");
  });

  it("mixes a stale model with the values that it began with: w ← w + α·s·(wₖ − w)", async () => {
    const policy = parseAggregationPolicy({ name: "fedasync", mixing: 0.6, staleness: { name: "polynomial" } });
    const [old, now, trained] = [[1, 2, 3], [2, 2, 2], [5, 5, 5]]; // prettier-ignore
    const update = trained.map((value, key) => value - (old[key] ?? 0));
    const base = {
      parameters: Float32Array.from(now),
      valuesOf: (version: number) => (version === 3 ? Float32Array.from(old) : undefined),
    };
    const outcome = await play({ policy }, [contribution("a", update, { baseVersion: 3 })], base);
    const alpha = 0.6 / Math.sqrt(2); // one version old
    now.forEach((value, key) => expect(outcome.update[key]).toBeCloseTo(alpha * ((trained[key] ?? 0) - value), 5));
    const unknown = await play({ policy }, [contribution("a", update, { baseVersion: 2 })], base);
    expect(unknown.combined.refused).toEqual([{ client: "a", reason: expect.stringContaining("not known any more") }]);
  });

  it("counts samples up to the cap for a robust rule, whatever is claimed", async () => {
    const robust = parseRobustRule({ name: "norm_bound", bound: 100 });
    const liar = contribution("liar", [1, 1, 1], { samples: 1_000_000_000 });
    const honest = contribution("b", [0, 0, 0], { samples: 10, loss: 3 });
    const { update, combined } = await play({ robust }, [liar, honest]);
    expect(update[0]).toBeCloseTo(0.5, 6); // float32
    expect(combined).toMatchObject({ samples: 20, loss: 2 });
    expect((await play({}, [liar, honest])).combined).toMatchObject({ samples: 20, loss: 2 });
  });

  it("is no number divided by nothing, where a buffer's rule gives what is stale no weight", async () => {
    const staleness = { name: "threshold", cutoff: 0, value: 0 };
    const late = [1, 2].map((value) => contribution(`c${value}`, [value, 0, 0], { baseVersion: 3 }));
    const policyOf = (divideBy: string) => parseAggregationPolicy({ name: "fedbuff", buffer: 3, staleness, divideBy });
    const { update, combined } = await play({ policy: policyOf("weights") }, late);
    expect(update).toEqual([0, 0, 0]);
    expect(combined).toMatchObject({ contributions: 0, refused: [{ client: "c1" }, { client: "c2" }] });
    const fresh = contribution("fresh", [6, 0, 0]);
    expect((await play({ policy: policyOf("weights") }, [...late, fresh])).update[0]).toBe(6);
    expect((await play({ policy: policyOf("count") }, [...late, fresh])).update[0]).toBe(2); // FedBuff divides by K
  });

  it("is no vote on other values: a robust rule takes those of this version alone", async () => {
    const robust = parseRobustRule({ name: "median" });
    const others = [1, 2, 3].map((value) => contribution(`c${value}`, [value, value, value]));
    const old = contribution("old", [9, 9, 9], { baseVersion: 3 });
    const { update, combined } = await play({ robust }, [...others, old]);
    expect(update).toEqual([2, 2, 2]);
    expect(combined).toMatchObject({ contributions: 3, refused: [{ client: "old" }] });
  });

  it("needs as many for a robust rule as its paper does", async () => {
    const robust = parseRobustRule({ name: "krum", byzantine: 1 });
    await expect(play({ robust }, [contribution("a", [1, 1, 1])])).rejects.toMatchObject({ code: "too_few_clients" });
  });

  it("is clipped and divided by the expected number where it is private", async () => {
    const random = createRandomBits((bytes) => void bytes.fill(7));
    const round = { clip: 1, noiseMultiplier: 0, expectedClients: 4 };
    const given = [contribution("a", [3, 0, 4], { samples: 999 }), contribution("b", [0, 0.5, 0])];
    const { update, combined } = await play({ privacy: { plan: round, random, isEmptyToo: false } }, given);
    expect(update[0]).toBeCloseTo(0.6 / 4, 6); // float32
    expect(update[1]).toBeCloseTo(0.5 / 4, 6);
    expect(combined).toMatchObject({ clipped: 1, nextClip: 1 });
  });
});
