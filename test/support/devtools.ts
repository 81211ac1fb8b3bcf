/**
 * A connection of its own to the DevTools of a browser that Playwright runs, with one session for each target that is asked for.
 * The browser has to be launched with `devtoolsArgument`.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright";

/** For `chromium.launch`: a port of the system's choice, on loopback. */
export const devtoolsArgument = "--remote-debugging-port=0";

/** Protocol: https://chromedevtools.github.io/devtools-protocol */
export interface Devtools {
  /** @param sessionId - undefined: of the browser. @throws Error refused, or not answered within 30 s */
  send(method: string, parameters?: object, sessionId?: string): Promise<Record<string, unknown>>;
  /** @returns stops */
  hear(
    method: string,
    onEvent: (parameters: Record<string, unknown>, sessionId: string | undefined) => void,
  ): () => void;
  close(): void;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly sessionId?: string;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

const answerMs = 30_000;

export async function connectDevtools(browser: Browser): Promise<Devtools> {
  const socket = await openSocket(await addressOf(browser));
  const asked = new Map<number, (message: Message) => void>();
  const hearers = new Set<(message: Message) => void>();
  let lastId = 0;
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) asked.get(message.id)?.(message);
    else for (const hear of hearers) hear(message);
  });
  return {
    send(method, params = {}, sessionId) {
      const id = (lastId += 1);
      return new Promise((resolve, reject) => {
        const settle = ({ result = {}, error }: Message): void => {
          clearTimeout(timer);
          asked.delete(id);
          if (error === undefined) resolve(result);
          else reject(new Error(`${method}: ${error.message}`));
        };
        const late = { error: { message: `the browser did not answer within ${answerMs} ms` } };
        const timer = setTimeout(settle, answerMs, late);
        asked.set(id, settle);
        socket.send(JSON.stringify({ id, method, params, sessionId }));
      });
    },
    hear(method, onEvent) {
      const hear = (message: Message): void => {
        if (message.method === method) onEvent(message.params ?? {}, message.sessionId);
      };
      hearers.add(hear);
      return () => hearers.delete(hear);
    },
    close: () => socket.close(),
  };
}

/** As the browser writes it into its folder. */
async function addressOf(browser: Browser): Promise<string> {
  const session = await browser.newBrowserCDPSession();
  const { commandLine } = await session.send("SystemInfo.getInfo");
  await session.detach();
  const folder = /--user-data-dir=(\S+)/.exec(commandLine)?.[1];
  if (folder === undefined) throw new Error(`the browser does not say where its folder is: ${commandLine}`);
  const [port = "", path = ""] = readFileSync(join(folder, "DevToolsActivePort"), "utf8").split("\n");
  return `ws://127.0.0.1:${port}${path}`;
}

function openSocket(address: string): Promise<WebSocket> {
  const socket = new WebSocket(address);
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve(socket), { once: true });
    socket.addEventListener("error", () => reject(new Error(`nobody answers at ${address}`)), { once: true });
  });
}
