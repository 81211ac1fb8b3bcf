/** `join(task, data)`, the same call in Node and in a stranger's page, with a real cluster, `shoal edge` and headless Chromium. */
import { join } from "node:path";
import { chromium, type BrowserContext } from "playwright";
import { build, type Rolldown } from "vite";
import { expect, it } from "vitest";
import { joinDigits, type JoinedDigits } from "../support/join-digits.ts";
import { perceptron } from "../support/perceptron.ts";
import { startCommand } from "../support/shoal-command.ts";
import { startUp } from "../support/up.ts";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
/** A document that a test puts in the place of the edge's comes from nowhere, which is not loopback. */
const args = ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"];
const root = join(import.meta.dirname, "../..");
const rounds = 2;
const job = {
  name: "joined",
  model: { ...perceptron([16]) },
  data: { type: "digits", samples: 100, testSamples: 100, seed: 2 },
  optimizer: { name: "sgd", learningRate: 1 },
  federated: {
    // Both have to be in each.
    ...{ rounds, aggregation: { name: "fedavg", goal: 2 }, overSelection: 1, selectionSeconds: 20 },
    ...{ configurationSeconds: 5, reportingSeconds: 10, local: { learningRate: 0.1, batchSize: 10 } },
    evaluatesOnClients: true,
  },
};

/** As somebody builds a page who knows nothing of the package: with what their bundler knows of workers. */
async function bundlePage(): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const result = await build({
    ...{ configFile: false, logLevel: "error", root, base: "/stranger/" },
    resolve: { conditions: ["shoal-source", "module", "browser", "development|production"] },
    worker: { format: "es" },
    build: {
      ...{ write: false, target: "es2023", minify: false, modulePreload: false },
      rolldownOptions: {
        ...{ input: join(root, "test/support/join-page.ts"), preserveEntrySignatures: "strict" },
        output: { entryFileNames: "page.js" },
      },
    },
  });
  const { output } = result as Rolldown.RolldownOutput;
  return new Map(output.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source]));
}

/** Serves it below the edge's origin, without the headers that would isolate it. */
async function servePage(context: BrowserContext, origin: string): Promise<void> {
  const files = await bundlePage();
  await context.route(`${origin}/stranger/**`, async (route) => {
    const name = new URL(route.request().url()).pathname.slice("/stranger/".length);
    const content = name === "" ? '<script type="module" src="page.js"></script>' : files.get(name);
    if (content === undefined) return await route.fulfill({ status: 404 });
    const [, ending = "html"] = /\.(js|wasm)$/.exec(name) ?? [];
    const contentType = { js: "text/javascript", wasm: "application/wasm", html: "text/html" }[ending] ?? "";
    await route.fulfill({ contentType, body: typeof content === "string" ? content : Buffer.from(content) });
  });
}

it("takes part with the same call in Node and in a page, and each is one client over its lives", async () => {
  await using owned = new AsyncDisposableStack();
  const cluster = owned.use(await startUp(["--workers", "1", "--servers", "1"]));
  const edge = owned.use(startCommand(["edge", "--json", "--port", "0"], { workplace: cluster.workplace }));
  const [line] = await edge.waitFor(/^\{"type":"edge".*$/m);
  const { origin } = JSON.parse(line) as { origin: string };
  const browser = await chromium.launch({ executablePath, args });
  owned.defer(() => browser.close());
  const context = await browser.newContext();
  await servePage(context, origin);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", ({ message }) => complaints.push(message));
  await page.goto(`${origin}/stranger/`);
  expect(await page.evaluate("crossOriginIsolated")).toBe(false);

  const run = await cluster.submit(job);
  const folder = join(cluster.workplace.folder, "client");
  let first = "";
  // It leaves as soon as it is let in: its name is in the folder's key.
  await joinDigits({ origin }, 1, folder, (session) => {
    first = session.client;
    void session.close();
  });
  await page.evaluate("void begin(2)");
  await page.waitForFunction("globalThis.joined");
  const firstOfPage = await page.evaluate<string>("joined");
  await page.reload();

  const [inNode, inPage] = await Promise.all([
    joinDigits({ origin }, 1, folder),
    page.evaluate<JoinedDigits>("begin(2)"),
    cluster.completed(run),
  ]);
  expect([inNode.client, inPage.client]).toEqual([first, firstOfPage]);
  expect(first).not.toBe(firstOfPage);
  for (const each of [inNode, inPage]) {
    expect(each.contributions).toBeGreaterThanOrEqual(rounds - 1); // one may have been answered before the reload
    expect(each.weights).toBe(28 * 28 * 16 + 16 + 16 * 10 + 10);
    expect(each.reason).toBe("all rounds are done");
  }
  expect(inPage.hash).toBe(inNode.hash);
  expect(await page.evaluate("begin(2, 'of another cluster')")).toEqual({ code: "unauthenticated" });
  await expect.poll(() => page.workers()).toHaveLength(0); // the browser says so when they are gone
  expect(complaints).toEqual([]);
});
