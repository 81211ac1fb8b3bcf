/** What a test of `shoal edge` needs: tabs of a real browser, each behind a line of its own, and clients in Node. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { RoundSummary, SessionEvent } from "@shoal/edge-client";
import type { TabPage } from "./freezable-page.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** The data of one client. */
export interface ClientData {
  /** For `edge-node-client.ts`. */
  readonly source: string;
  /** For a page's file field; undefined: it generates its own. */
  readonly files: readonly string[] | undefined;
  readonly samples: number;
  readonly seed: number;
}

/** Cuts MNIST's training data into parts, one a client. @param mnist - folder of the packed files, or undefined */
export function partData(mnist: string | undefined, into: string, clients: number, samples: number): ClientData[] {
  return Array.from({ length: clients }, (_, client) => {
    const seed = 100 + client;
    if (mnist === undefined) return { source: `digits:${seed}:${samples}`, files: undefined, samples, seed };
    const folder = join(into, `client-${client}`);
    mkdirSync(folder);
    const files = [
      ["train-images-idx3-ubyte.gz", "images", 16, 28 * 28],
      ["train-labels-idx1-ubyte.gz", "labels", 8, 1],
    ] as const;
    for (const [from, to, header, bytes] of files) {
      const all = gunzipSync(readFileSync(join(mnist, from)));
      const begin = header + client * samples * bytes;
      const part = Buffer.concat([all.subarray(0, header), all.subarray(begin, begin + samples * bytes)]);
      part.writeUInt32BE(samples, 4);
      writeFileSync(join(folder, to), part);
    }
    return { source: folder, files: files.map(([, to]) => join(folder, to)), samples, seed };
  });
}

/** What a page says of itself. */
export interface TabState {
  readonly connection: string;
  readonly stage: string;
  readonly client: string;
  readonly round: number;
  readonly hash: string;
  readonly contributions: number;
  /** Of the values that it has at its end. */
  readonly modelHash: string;
}

export interface Tab extends AsyncDisposable {
  readonly line: TcpProxy;
  state(): Promise<TabState>;
  /** @throws Error after `limitMs`, with the state that it has then */
  until(what: string, condition: (state: TabState) => boolean, limitMs?: number): Promise<TabState>;
  /** Closes the page as its user would. */
  close(): Promise<void>;
  /** Opens it again, in the same browser. */
  open(): Promise<void>;
}

/** Opens a page that takes part at once. @param context - Playwright's, or another one that has pages. @param port - of `shoal edge` */
export async function openTab(context: { newPage(): Promise<TabPage> }, port: number, data: ClientData): Promise<Tab> {
  const line = await startTcpProxy(port);
  let page: TabPage | undefined;
  const current = (): TabPage => {
    if (page === undefined) throw new Error("the tab is closed");
    return page;
  };
  const state = async (): Promise<TabState> => {
    const found = await current().evaluate<Partial<Record<string, string>>>("({ ...document.body.dataset })");
    const { connection = "", stage = "", client = "", round = "0", hash = "", contributions = "0", model = "" } = found;
    const numbers = { round: Number(round), contributions: Number(contributions) };
    return { connection, stage, client, hash, modelHash: model, ...numbers };
  };
  const tab: Tab = {
    line,
    state,
    async until(what, condition, limitMs = 60_000) {
      for (const endAt = Date.now() + limitMs; ; await pause(50)) {
        const now = await state();
        if (condition(now)) return now;
        if (Date.now() > endAt)
          throw new Error(`${what}: not after ${limitMs} ms; the tab says ${JSON.stringify(now)}`);
      }
    },
    async close() {
      await current().close();
      page = undefined;
    },
    async open() {
      page = await context.newPage();
      await page.goto(`http://${line.endpoint}/?seed=${data.seed}`);
      if (data.files !== undefined) await page.setInputFiles("#files", [...data.files]);
      else await page.fill("#samples", String(data.samples));
      await page.click("#start");
    },
    async [Symbol.asyncDispose]() {
      await page?.close();
      await line.close();
    },
  };
  await tab.open();
  return tab;
}

export interface NodeClient extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly events: readonly SessionEvent[];
  readonly rounds: readonly RoundSummary[];
  readonly contributions: number;
  /** Of the values that it has at its end; undefined before. */
  readonly modelHash: string | undefined;
}

export function startNodeClient(origin: string, ticket: string, { source }: ClientData): NodeClient {
  const script = join(import.meta.dirname, "edge-node-client.ts");
  const child = spawn(process.execPath, ["--conditions=shoal-source", script, origin, ticket, source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const events: SessionEvent[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) events.push(JSON.parse(line) as SessionEvent);
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  return {
    process: child,
    events,
    get rounds() {
      return events.flatMap((event) => (event.type === "round_closed" ? [event.summary] : []));
    },
    get modelHash() {
      return events
        .map((event) => event as { readonly type: string; readonly hash?: string })
        .findLast(({ type }) => type === "model")?.hash;
    },
    get contributions() {
      return events.filter((event) => event.type === "answered" && event.answer.kind === "accepted").length;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 3_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Wall time: what is waited for here are processes and a browser. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
