/** What a federated run leaves behind, and what it says meanwhile: its log, its privacy, what it waits for. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { cancelRun, explainRun } from "shoal";
import { expect, it } from "vitest";
import { readClusterRounds } from "../../packages/shoal/src/cluster/read-cluster-rounds.ts";
import { createFederatedScene, hiddenSize, modelSize, parametersOf } from "../support/federated-scene.ts";

const device = { memoryBytes: 1e9, samples: 5, testSamples: 0, encodings: ["float32"], platform: "node" };

/** `shoal rounds`, as a person calls it. */
async function rounds(folder: string, ...parameters: readonly string[]): Promise<string> {
  const bin = join(import.meta.dirname, "../../packages/shoal/src/bin.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...["--conditions=shoal-source", bin, "rounds", ...parameters, "--runs", folder],
  ]);
  return stdout;
}

it.each([
  { name: "central", clip: 1, noiseMultiplier: 4, epsilon: 2.2, delta: 1e-5 },
  { name: "local", clip: 1, epsilon: 0.8, delta: 1e-5, budget: 2.2 },
])("a private run ends at its budget, completed, and its log says what each round cost: $name", async (privacy) => {
  await using scene = await createFederatedScene(2);
  const run = await scene.submit({ privacy });
  for (const name of ["a", "b", "c", "d"]) scene.comeIn(run, name);
  const status = await scene.ended(run);
  expect(status.phase).toBe("completed");
  expect(status.reason).toMatch(
    /^the privacy budget is spent: (round|a client's contribution) \d+ would bring ε to 2\.\d+/,
  );
  const records = scene.recordsOf(run);
  const spent = records.map(({ body }) => body.epsilon ?? Infinity);
  expect(records.length).toBeGreaterThan(1);
  expect(spent).toEqual(spent.toSorted((one, other) => one - other));
  expect(Math.max(...spent)).toBeLessThanOrEqual(2.2);
  expect(records.at(-1)?.body.testAccuracy).not.toBeNull();

  const table = await rounds(scene.folder, run, "--verify");
  expect(table).toMatch(/^round +outcome +took/);
  expect(table).toContain(`  ${spent[0]?.toFixed(3)}\n`);
  expect(table).toContain(`the log is whole: ${records.length} records`);
  expect(table).toContain(`as this machine has them, in ${scene.folder}`);

  // Who has no such folder asks the workers.
  const { system, coordinator } = scene.cluster;
  const { rounds: asked, of, silent } = await readClusterRounds(system, coordinator, run);
  expect([asked, of, silent]).toEqual([records, ["worker-1", "worker-2"], []]);
  await expect(readClusterRounds(system, coordinator, "another")).rejects.toMatchObject({ code: "run_not_found" });
});

it("a run says which clients it waits for, and leaves out of its log nobody who went away", async () => {
  await using scene = await createFederatedScene(2);
  const { system, coordinator, planeOf } = scene.cluster;
  const run = await scene.submit({ rounds: 1 });
  const [first] = ["a", "b"].map((name) => scene.comeIn(run, name));
  const why = async (): Promise<string> => JSON.stringify(await explainRun(system, coordinator, run));
  const waits = /before round 1: 2 clients are idle, 3 are needed, for \d+ s/;
  await expect.poll(why, { timeout: 30_000, interval: 100 }).toMatch(waits);
  await first?.stop();
  const silent = planeOf(run).connect("silent");
  await silent.request({ type: "check_in", device }, 5_000);
  silent.listen((notice) => {
    if (notice.type !== "round_offered") return;
    const { round } = notice.offer;
    void silent.request({ type: "answer_offer", round, takesPart: false, reason: "the battery is low" }, 5_000);
  });
  for (const name of ["a", "c", "d"]) scene.comeIn(run, name);
  expect((await scene.ended(run)).phase).toBe("completed");
  const records = scene.recordsOf(run);
  const committed = records.find(({ body }) => body.outcome === "committed");
  expect(committed?.body.contributed.count).toBe(3);
  const dropped = records.flatMap(({ body }) => body.dropped.list);
  for (const { client, reason } of dropped) expect(`${client}: ${reason}`).toMatch(/^\w+: ./);
});

it("a run that is cancelled says so to its clients, in the middle of a round", async () => {
  await using scene = await createFederatedScene(2);
  const { system, coordinator, planeOf } = scene.cluster;
  const run = await scene.submit({ selectionSeconds: 60 });
  const plane = planeOf(run).connect("idle");
  const told = new Promise<string>((resolve) => {
    plane.listen((notice) => {
      if (notice.type === "task_over") resolve(notice.reason);
    });
  });
  for (let isThere = false; !isThere;) {
    const reply = await plane.request({ type: "check_in", device }, 5_000).catch(() => undefined);
    isThere = reply?.type === "checked_in";
  }
  await cancelRun(system, coordinator, run);
  await expect(told).resolves.toMatch(/^cancelled while training/);
});

it("layers of their own stay with the clients: they neither travel nor change", async () => {
  await using scene = await createFederatedScene(2);
  const local = { learningRate: 0.1, personal: ["1"] };
  const train = async (count: number): Promise<Float32Array> => {
    const run = await scene.submit({ rounds: count, local });
    for (const name of ["a", "b", "c"]) scene.comeIn(run, name, { keys: hiddenSize });
    return parametersOf(await scene.ended(run));
  };
  const [one, two] = [await train(1), await train(2)];
  expect(two).toHaveLength(modelSize);
  // Halfway to 0.5 twice; the first values are below 0.1 in magnitude.
  for (const value of two.subarray(0, hiddenSize)) expect(Math.abs(value - 0.375)).toBeLessThan(0.05);
  expect(two.subarray(hiddenSize)).toEqual(one.subarray(hiddenSize));
});
