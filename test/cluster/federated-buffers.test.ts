/** Contributions that come one at a time, and into a buffer that fills over several rounds, through a whole cluster. */
import type { ChainedRound } from "@shoal/aggregator";
import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { createFederatedScene, parametersOf, target } from "../support/federated-scene.ts";

const isCarriedOver = ({ body }: ChainedRound): boolean => body.outcome === "carried_over";

it("a model that is mixed with one client's at a time goes where they want it, whoever is slow", async () => {
  await using scene = await createFederatedScene(1);
  const rounds = 12;
  const policy = { aggregation: { name: "fedasync", mixing: 0.8 }, maximumStaleness: 4, overSelection: 3 };
  const run = await scene.submit({ rounds, ...policy, selectionSeconds: 0.5 });
  for (const [index, name] of ["a", "b", "c"].entries()) scene.comeIn(run, name, { trainMs: 5 + 20 * index });
  const status = await scene.ended(run);
  const records = scene.recordsOf(run).map(({ body }) => body);
  expect(records.filter(({ outcome }) => outcome === "committed")).toHaveLength(rounds);
  const given = records.flatMap(({ round, contributed }) => contributed.list.map((each) => ({ round, ...each })));
  expect(given.some(({ round, baseRound }) => baseRound < round)).toBe(true);
  // A mean with weight w of a model halfway from its base to the target; the least weight is 0.8/√5, of the most stale.
  const farthest = Math.max(...parametersOf(status).map((value) => Math.abs(value - target)));
  expect(farthest).toBeLessThan(1.5 * (1 - 0.8 / Math.sqrt(5) / 2) ** rounds);
});

it("what came too seldom for one round counts in a later one", async () => {
  await using scene = await createFederatedScene(1);
  const seconds = { selectionSeconds: 0.3, configurationSeconds: 0.3, reportingSeconds: 0.5 };
  const policy = { aggregation: { name: "fedbuff", buffer: 3 }, maximumStaleness: 4 };
  const run = await scene.submit({ rounds: 2, ...policy, ...seconds });
  const first = scene.comeIn(run, "a", { trainMs: 5 });
  await eventually("the first contribution", () => first.answers.length > 0, 10_000);
  await eventually("a round that is carried over", () => scene.recordsOf(run).some(isCarriedOver), 10_000);
  for (const name of ["b", "c", "d"]) scene.comeIn(run, name, { trainMs: 5 });
  await scene.ended(run);
  const records = scene.recordsOf(run);
  const [carried, ...later] = records.slice(records.findIndex(isCarriedOver)).map(({ body }) => body);
  expect(carried?.contributed.count).toBe(0);
  expect(carried?.reason).toBe("1 contribution came before the deadline, at least 3 are needed");
  const committed = later.find(({ outcome }) => outcome === "committed");
  expect(committed?.contributed.list).toContainEqual(
    expect.objectContaining({ client: "a", baseRound: carried?.round }),
  );
  expect(committed?.contributed.count).toBe(3);
});
