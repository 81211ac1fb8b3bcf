/**
 * The whole way: tabs of headless Chromium and processes of Node train a task of a real cluster, through `shoal edge` and a
 * real nats-server's WebSocket, while one tab is closed in the middle of an upload, one is cut off, and one is frozen.
 */
import { chromium, type Browser, type BrowserContext } from "playwright";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { devtoolsArgument } from "../support/devtools.ts";
import { eventually } from "../support/eventually.ts";
import { openTab, partData, pause, startNodeClient, type NodeClient, type Tab } from "../support/edge-scene.ts";
import { openFreezablePage, type FreezablePage } from "../support/freezable-page.ts";
import { perceptron } from "../support/perceptron.ts";
import { runCommand, startCommand } from "../support/shoal-command.ts";
import { trainingData } from "../support/training-data.ts";
import { startUp, type UpCluster } from "../support/up.ts";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const tabsInAll = 4;
const nodesInAll = 2;
/** Which of the tabs is frozen. */
const stillAt = 2;
const samplesEach = 2_000;
/** 95 % are reached after about eight; while clients are away a round takes five seconds at least: no more than six or so. */
const rounds = 24;
const offlineMs = 30_000;
const frozenMs = 27_000;
/** A step of training that is under way when a tab is frozen goes on to its end, and what it had sent leaves. */
const settlingMs = 3_000;
const closedMs = 20_000;
/** A model of 407 kB, two chunks, takes two seconds. */
const slowBytesPerSecond = 200_000;
const reportingSeconds = 8;

const owned: AsyncDisposable[] = [];
let cluster: UpCluster;
let browser: Browser;
let context: BrowserContext;
let port: number;

beforeEach(async () => {
  const { folder } = trainingData();
  cluster = await startUp(["--workers", "1", "--servers", "1", ...(folder === undefined ? [] : ["--data", folder])]);
  owned.push(cluster);
  const edge = startCommand(["edge", "--json", "--port", "0"], { workplace: cluster.workplace });
  owned.push(edge);
  const [line] = await edge.waitFor(/^\{"type":"edge".*$/m);
  port = Number(new URL((JSON.parse(line) as { origin: string }).origin).port);
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", devtoolsArgument] });
  owned.push({ [Symbol.asyncDispose]: () => browser.close() });
  context = await browser.newContext({ viewport: { width: 390, height: 844 } });
});
afterEach(async () => {
  for (const each of owned.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

function job(): object {
  const { spec } = trainingData();
  return {
    name: "tabs",
    model: { ...perceptron([128]) },
    data: spec,
    optimizer: { name: "sgd", learningRate: 1 },
    federated: {
      // While three of six are away no round reaches its goal: it ends by its deadlines, with those who are there.
      ...{ rounds, aggregation: { name: "fedavg", goal: 5 }, minimum: 2, overSelection: 1.2 },
      ...{ selectionSeconds: 5, configurationSeconds: 5, reportingSeconds },
      local: { learningRate: 0.1, epochs: 1, batchSize: 10 },
    },
  };
}

/** A tab that is in the middle of an upload when it is closed, and comes back. */
async function closedMidUpload(tab: Tab): Promise<void> {
  const { client } = await tab.state();
  tab.line.slow(slowBytesPerSecond);
  await tab.until("to upload", ({ stage }) => stage === "uploading");
  await tab.close();
  tab.line.slow(Infinity);
  await pause(closedMs);
  await tab.open();
  const again = await tab.until("to contribute again", ({ contributions }) => contributions > 0, 120_000);
  expect(again.client).toBe(client);
}

/** Everything it sends is lost, and so is everything it is sent. */
async function cutOff(tab: Tab): Promise<void> {
  const before = await tab.state();
  tab.line.freeze();
  await pause(offlineMs);
  tab.line.mend();
  await tab.until("to contribute again", ({ contributions }) => contributions > before.contributions, 120_000);
}

/**
 * As a browser freezes tabs in the background, in the middle of a round, while others end several: page and workers stand still,
 * and nothing is sent. Its line stands, and what is said to it meanwhile is heard afterwards.
 */
async function frozen(tab: Tab, page: FreezablePage, roundsEnded: () => number): Promise<void> {
  expect(await page.pulses()).toHaveLength(3); // the page's, and those of its two workers
  await tab.until("to be in a round", ({ stage }) => stage === "training" || stage === "uploading");
  await page.freeze();
  await pause(settlingMs);
  const what = async (): Promise<object> => ({
    ...{ state: await tab.state(), pulses: await page.pulses(), sent: tab.line.passed.up },
  });
  const [before, { contributions }, ended] = [await what(), await tab.state(), roundsEnded()];
  await pause(frozenMs);
  await eventually("others to end two rounds", () => roundsEnded() >= ended + 2, 60_000);
  expect(await what()).toEqual(before);
  await page.thaw();
  await tab.until("to contribute again", (now) => now.contributions > contributions, 120_000);
  for (const { longestMs } of await page.pulses()) expect(longestMs).toBeGreaterThanOrEqual(frozenMs);
}

function finalRound({ rounds: all }: NodeClient): { readonly round: number; readonly hash: string } {
  const last = all.at(-1);
  if (last === undefined) throw new Error("this client has heard of no round");
  return { round: last.round, hash: last.hash };
}

describe("a federated task in browsers", () => {
  it("learns to 95 % whatever happens to its tabs, and all know the same weights", { timeout: 400_000 }, async () => {
    const { folder, isReal } = trainingData();
    const mnist = isReal ? `${folder ?? ""}/mnist` : undefined;
    const data = partData(mnist, cluster.workplace.folder, tabsInAll + nodesInAll, samplesEach);
    const run = await cluster.submit(job());
    const origin = `http://127.0.0.1:${port}`;
    const invited = await runCommand(["edge", "invite", run, "--json"], { workplace: cluster.workplace });
    const { ticket } = JSON.parse(invited.text.trim()) as { ticket: string };
    const nodes = data.slice(tabsInAll).map((each) => startNodeClient(origin, ticket, each));
    owned.push(...nodes);
    // Two are enough for a round, of each of which these are to hear.
    const areThere = (): boolean => nodes.every(({ events }) => events.some(({ type }) => type === "checked_in"));
    await eventually("the processes to be there", areThere, 60_000);
    const tabs: Tab[] = [];
    const page = await openFreezablePage(browser);
    const placeOf = (at: number): Parameters<typeof openTab>[0] =>
      at === stillAt ? { newPage: async () => page } : context;
    for (const [at, each] of data.slice(0, tabsInAll).entries()) tabs.push(await openTab(placeOf(at), port, each));
    owned.push(...tabs);
    await Promise.all(tabs.map((tab) => tab.until("to contribute", ({ contributions }) => contributions > 0)));

    const [closed, offline, still, steady] = tabs as [Tab, Tab, Tab, Tab];
    await Promise.all([
      closedMidUpload(closed),
      cutOff(offline),
      frozen(still, page, () => nodes[0]?.rounds.length ?? 0),
    ]);
    const { result } = await cluster.completed(run);

    expect(result?.accuracy).toBeGreaterThanOrEqual(0.95);
    await Promise.all(tabs.map((tab) => tab.until("to hear of the end", ({ stage }) => stage === "stopped")));
    const ends = [...nodes.map(finalRound), ...(await Promise.all(tabs.map((tab) => tab.state())))];
    expect(new Set(ends.map(({ round, hash }) => `${round} ${hash}`)).size).toBe(1);
    // Not as they were told, but as each has them.
    await eventually("all nodes to end", () => nodes.every(({ modelHash }) => modelHash !== undefined), 30_000);
    const hashes = [...nodes, ...(await Promise.all(tabs.map((tab) => tab.state())))].map(({ modelHash }) => modelHash);
    expect(new Set(hashes)).toEqual(new Set([ends[0]?.hash]));
    expect((await steady.state()).contributions).toBeGreaterThan(rounds / 2);
    // Each round is told of once, in order, however it ended.
    const heard = nodes[0]?.rounds.map(({ round }) => round) ?? [];
    expect(heard).toEqual(Array.from(heard, (_, at) => (heard[0] ?? 0) + at));
    const committed = nodes[0]?.rounds.filter(({ outcome }) => outcome === "committed") ?? [];
    expect(committed.length).toBeGreaterThanOrEqual(rounds - 1); // but those before it came
  });
});
