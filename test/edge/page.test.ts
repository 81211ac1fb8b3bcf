/** The page of `shoal edge` in headless Chromium, as somebody with a phone meets it. */
import { chromium, type Browser, type Page } from "playwright";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { devtoolsArgument } from "../support/devtools.ts";
import { openTab } from "../support/edge-scene.ts";
import { openFreezablePage } from "../support/freezable-page.ts";
import { perceptron } from "../support/perceptron.ts";
import { runCommand, startCommand, type Command } from "../support/shoal-command.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { startUp, type UpCluster } from "../support/up.ts";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const phone = { width: 320, height: 640 };

const owned = new AsyncDisposableStack();
let cluster: UpCluster;
let browser: Browser;
let run: string;
let page: Page;
/** What the browser complains of. */
let complaints: string[];

beforeAll(async () => {
  cluster = owned.use(await startUp(["--workers", "1", "--servers", "1"]));
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", devtoolsArgument] });
  owned.defer(() => browser.close());
  run = await cluster.submit({
    name: "page",
    model: { ...perceptron([32]) },
    data: { type: "digits", samples: 10, testSamples: 50 },
    optimizer: { name: "sgd", learningRate: 1 },
    federated: {
      ...{ rounds: 10_000, aggregation: { name: "fedavg", goal: 1 }, overSelection: 1 },
      // A tab that is gone without a word costs one round its time to answer.
      ...{ selectionSeconds: 60, configurationSeconds: 5, reportingSeconds: 20 },
      // With SCAFFOLD's controls, which go with the values and with the updates.
      ...{ local: { learningRate: 0.05, batchSize: 10, correction: "scaffold" }, population: 4 },
      evaluatesOnClients: true,
    },
  });
});
afterAll(async () => {
  await owned.disposeAsync();
});

beforeEach(async () => {
  const context = await browser.newContext({ viewport: phone, hasTouch: true });
  page = await context.newPage();
  complaints = [];
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
});
afterEach(async () => {
  await page.context().close();
});

async function startEdge(...options: readonly string[]): Promise<{ readonly edge: Command; readonly origin: string }> {
  const edge = startCommand(["edge", "--json", "--port", "0", ...options], { workplace: cluster.workplace });
  const [line] = await edge.waitFor(/^\{"type":"edge".*$/m);
  return { edge, origin: (JSON.parse(line) as { origin: string }).origin };
}

/** Bytes other than zero that a tab keeps of its own control: those of the newest round, and of some before. */
const controlBytes = `(async () => {
  const settled = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
  let bytes = 0;
  for (const { name } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name));
    const work = database.transaction("work").objectStore("work");
    for (const name of await settled(work.getAllKeys())) {
      if (!name.endsWith("/carried/control")) continue;
      const found = await settled(work.get(name));
      bytes += found.reduce((sum, byte) => sum + (byte === 0 ? 0 : 1), 0);
    }
    database.close();
  }
  return bytes;
})()`;

/** A vertical stroke in the middle of the pad. */
async function drawOne(): Promise<void> {
  await page.evaluate("document.getElementById('pad').scrollIntoView({ block: 'center' })");
  const box = await page.locator("#pad").boundingBox();
  if (box === null) throw new Error("the pad is not to be seen");
  const x = box.x + box.width / 2;
  await page.mouse.move(x, box.y + 0.2 * box.height);
  await page.mouse.down();
  await page.mouse.move(x, box.y + 0.8 * box.height, { steps: 5 });
  await page.mouse.up();
}

describe("the page", () => {
  it("trains on what is drawn and generated, says what the model sees, and fits a phone", async () => {
    const { edge, origin } = await startEdge();
    await using _edge = edge;
    await page.goto(origin);
    expect(await page.evaluate("crossOriginIsolated")).toBe(true);
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(phone.width);
    await page.click("#labels >> text=1");
    expect(await page.textContent("#drawn")).toBe("Draw a digit first, then say which one it is.");
    await drawOne();
    await page.click("#labels >> text=1");
    expect(await page.textContent("#drawn")).toBe("1 drawn, the last one a 1.");
    await page.fill("#samples", "20001");
    await page.click("#start");
    await expect.poll(() => page.textContent("#problem")).toContain("from 0 to 20000");
    expect(await page.isVisible("#problem")).toBe(true);
    await page.fill("#samples", "300");
    await page.click("#start");
    const contributed = async (): Promise<number> => Number(await page.textContent("#contributed"));
    await expect.poll(contributed, { timeout: 30_000 }).toBeGreaterThanOrEqual(3);
    await expect.poll(() => page.textContent("#sent")).toMatch(/ [kM]B$/);
    await expect.poll(() => page.locator("#rounds tr").count(), { timeout: 10_000 }).toBeGreaterThanOrEqual(2);
    // Of 25,450 float32 most have moved; of pixels that are never drawn they stay at zero.
    expect(await page.evaluate<number>(controlBytes)).toBeGreaterThan(25_450);
    // One holds the connection, the other one trains.
    expect(page.workers()).toHaveLength(2);
    expect(await page.textContent("#own-loss")).toMatch(/^\d+\.\d{3}$/);
    expect(await page.textContent("#own-accuracy")).toMatch(/^\d+\.\d %$/);
    await drawOne();
    await expect.poll(() => page.textContent("#seen")).toMatch(/^The model sees a \d \(\d+ %\)\.$/);
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(phone.width);
    await page.click("#stop");
    await page.waitForSelector('body[data-stage="stopped"]', { timeout: 10_000 });
    expect(await page.textContent("#status")).toBe("You have left. What you drew is still here.");
    expect(page.workers()).toHaveLength(0);
    expect(complaints).toEqual([]);
  });

  it("is the same client after a reload, and another one in another tab", async () => {
    const { edge, origin } = await startEdge();
    await using _edge = edge;
    const clientOf = async (tab: Page): Promise<string> => {
      await tab.goto(origin);
      await tab.click("#start");
      await tab.waitForSelector("body[data-client]", { timeout: 30_000 });
      return await tab.evaluate<string>("document.body.dataset.client");
    };
    const first = await clientOf(page);
    const second = await page.context().newPage();
    expect(await clientOf(second)).not.toBe(first);
    expect(await clientOf(page)).toBe(first);
    // A round waits for who is gone without a word in the middle of it until its time to contribute is over.
    for (const tab of [page, second]) {
      await tab.click("#stop");
      await tab.waitForSelector('body[data-stage="stopped"]', { timeout: 10_000 });
    }
    await second.close();
  });

  it("finds another line when its own has gone while it was frozen, though nobody looks at it", async () => {
    const { edge, origin } = await startEdge();
    await using _edge = edge;
    const frozen = await openFreezablePage(browser);
    const data = { source: "", files: undefined, samples: 300, seed: 1 };
    await using tab = await openTab({ newPage: async () => frozen }, Number(new URL(origin).port), data);
    await tab.until("to contribute", ({ contributions }) => contributions > 0);
    await frozen.freeze();
    tab.line.cut();
    await new Promise((resolve) => void setTimeout(resolve, 1_500));
    const still = await tab.state();
    expect(still.connection).toBe("connected"); // as far as it knows
    const { accepted } = tab.line;
    await frozen.thaw();
    await tab.until("to contribute again", ({ contributions }) => contributions > still.contributions);
    expect(tab.line.accepted).toBeGreaterThan(accepted);
    expect(await frozen.evaluate("document.visibilityState")).toBe("hidden");
    await frozen.click("#stop");
    await tab.until("to leave", ({ stage }) => stage === "stopped");
  });

  it("goes on with what it had learnt when it is loaded again in the middle of an upload", async () => {
    const { edge, origin } = await startEdge();
    await using _edge = edge;
    const line = await startTcpProxy(Number(new URL(origin).port));
    await using _line = { [Symbol.asyncDispose]: () => line.close() };
    const begin = async (): Promise<void> => {
      await page.goto(`http://${line.endpoint}`);
      await page.fill("#samples", "300");
      await page.click("#start");
    };
    await begin();
    await page.waitForSelector("body[data-client]", { timeout: 30_000 });
    // The model and its control, 203 kB, take more than three seconds each way, training much less than one.
    line.slow(40_000);
    const state = (): Promise<string> => page.evaluate<string>("JSON.stringify({ ...document.body.dataset })");
    const isSending = async (): Promise<boolean> => {
      const before = await state();
      await new Promise((resolve) => void setTimeout(resolve, 700));
      return before.includes('"stage":"training"') && (await state()) === before;
    };
    await expect.poll(isSending, { timeout: 60_000, interval: 10 }).toBe(true);
    line.cut(); // What it holds would arrive all the same.
    await page.goto("about:blank");
    await begin();
    await page.waitForSelector("body[data-contributions]", { timeout: 30_000 });
    expect(await page.textContent("#own-loss")).toBe("–"); // It was not trained again.
  });

  it("asks for an invitation where one is needed, and takes it from the link", async () => {
    const { edge, origin } = await startEdge("--invited-only");
    await using _edge = edge;
    await page.goto(origin);
    await page.click("#start");
    await page.waitForSelector('body[data-stage="stopped"]', { timeout: 30_000 });
    expect(await page.textContent("#status")).toContain("an invitation is needed");
    const options = ["--json", "--client", "ward-3", "--origin", origin];
    const { text } = await runCommand(["edge", "invite", run, ...options], { workplace: cluster.workplace });
    const { link } = JSON.parse(text.trim()) as { link: string };
    await page.goto("about:blank");
    await page.goto(link);
    await page.click("#start");
    await page.waitForSelector('body[data-client="ward-3"][data-connection="connected"]', { timeout: 30_000 });
  });
});
