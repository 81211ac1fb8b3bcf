/** Secure sums of browsers: two tabs of headless Chromium and a process of Node mask their updates for each other. */
import { join } from "node:path";
import { chromium } from "playwright";
import { readTrace } from "shoal";
import { expect, it } from "vitest";
import { openTab, partData, startNodeClient } from "../support/edge-scene.ts";
import { perceptron } from "../support/perceptron.ts";
import { runCommand, startCommand } from "../support/shoal-command.ts";
import { startUp } from "../support/up.ts";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const rounds = 2;
const job = {
  name: "masked",
  model: { ...perceptron([16]) },
  data: { type: "digits", samples: 100, testSamples: 100, seed: 2 },
  optimizer: { name: "sgd", learningRate: 1 },
  federated: {
    // All three have to be in each sum: fewer are no crowd.
    ...{ rounds, aggregation: { name: "fedavg", goal: 3 }, overSelection: 1, selectionSeconds: 5 },
    ...{ configurationSeconds: 5, reportingSeconds: 10, local: { learningRate: 0.1, batchSize: 10 } },
    privacy: { name: "secure_sum", clip: 10, weightCap: 300, stageSeconds: 5 },
  },
};

it("tabs and a process learn together though nobody sees their updates", { timeout: 120_000 }, async () => {
  await using owned = new AsyncDisposableStack();
  const cluster = owned.use(await startUp(["--workers", "1", "--servers", "1"]));
  const edge = owned.use(startCommand(["edge", "--json", "--port", "0"], { workplace: cluster.workplace }));
  const [line] = await edge.waitFor(/^\{"type":"edge".*$/m);
  const { origin } = JSON.parse(line) as { origin: string };
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  owned.defer(() => browser.close());
  const context = await browser.newContext();
  const complaints: string[] = [];
  context.on("weberror", (error) => complaints.push(error.error().message));
  const run = await cluster.submit(job);
  const { text: invitation } = await runCommand(["edge", "invite", run, "--json"], { workplace: cluster.workplace });
  const { ticket } = JSON.parse(invitation) as { ticket: string };
  const [first, second, third] = partData(undefined, cluster.workplace.folder, 3, 200);
  if (first === undefined || second === undefined || third === undefined) throw new Error("three clients have data");
  const node = owned.use(startNodeClient(origin, ticket, third));
  const port = Number(new URL(origin).port);
  const tabs = [owned.use(await openTab(context, port, first)), owned.use(await openTab(context, port, second))];
  await cluster.completed(run);
  for (const tab of tabs) {
    const { contributions } = await tab.until("to hear the end", ({ stage }) => stage === "stopped", 20_000);
    expect(contributions).toBeGreaterThanOrEqual(rounds);
  }
  expect(node.contributions).toBeGreaterThanOrEqual(rounds);
  expect(complaints).toEqual([]);
  // What the tabs did came with their updates: the worker has written it down.
  const folder = join(cluster.workplace.folder, "runs", run);
  const masked = async (): Promise<unknown> => {
    const spans = await Array.fromAsync(readTrace(folder));
    return spans.filter(({ name }) => name === "mask").length;
  };
  await expect.poll(masked, { timeout: 5_000 }).toBeGreaterThanOrEqual(3 * rounds);
});
