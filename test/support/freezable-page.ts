/**
 * A page that can be frozen as browsers freeze tabs in the background: its timers and tasks and its workers' stand still, what
 * arrives waits.
 *
 * Playwright emulates focus in every page that it attaches to (`Emulation.setFocusEmulationEnabled`), which keeps the page
 * visible, and a visible page is never frozen: Chromium answers `Page.setWebLifecycleState` and does nothing. Its session alone
 * can take that back, and does not. So this page is in a browser context that Playwright does not know.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Browser } from "playwright";
import { connectDevtools, type Devtools } from "./devtools.ts";

/** What is used of a page here; Playwright's have it, too. */
export interface TabPage {
  goto(address: string): Promise<unknown>;
  /** @param expression - of values that JSON has */
  evaluate<T>(expression: string): Promise<T>;
  setInputFiles(selector: string, files: string[]): Promise<void>;
  fill(selector: string, text: string): Promise<void>;
  click(selector: string): Promise<void>;
  close(): Promise<void>;
}

/** Of a timer of 100 ms. */
export interface Pulse {
  readonly beats: number;
  /** The longest time between two of them. */
  readonly longestMs: number;
}

export interface FreezablePage extends TabPage {
  freeze(): Promise<void>;
  /** It is not shown for that. */
  thaw(): Promise<void>;
  /** The page's, and those of the workers that it has now; each begins when it is asked for first, and can be read while frozen. */
  pulses(): Promise<Pulse[]>;
}

const loadingMs = 30_000;

const pulse = `globalThis.ownPulse ??= (() => {
  const pulse = { beats: 0, longestMs: 0 };
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    pulse.beats += 1;
    pulse.longestMs = Math.max(pulse.longestMs, now - last);
    last = now;
  }, 100);
  return pulse;
})()`;

/** @param browser - launched with `devtoolsArgument` */
export async function openFreezablePage(browser: Browser): Promise<FreezablePage> {
  const devtools = await connectDevtools(browser);
  const { browserContextId } = await devtools.send("Target.createBrowserContext", { disposeOnDetach: true });
  const { targetId } = await devtools.send("Target.createTarget", { url: "about:blank", browserContextId });
  const { sessionId } = await devtools.send("Target.attachToTarget", { targetId, flatten: true });
  const session = String(sessionId);
  const workers = await followWorkers(devtools, session);
  const evaluate = <T>(expression: string): Promise<T> => evaluateIn(devtools, session, expression);
  const on = (selector: string, does: string): Promise<void> =>
    evaluate(`{ const element = document.querySelector(${JSON.stringify(selector)}); ${does}; }`);
  return {
    evaluate,
    async goto(url) {
      await devtools.send("Page.navigate", { url }, session);
      const isThere = `location.href === ${JSON.stringify(url)} && document.readyState === "complete"`;
      for (const endAt = Date.now() + loadingMs; !(await evaluate<boolean>(isThere)); await pause(50)) {
        if (Date.now() > endAt) throw new Error(`not within ${loadingMs} ms: ${url} is loaded`);
      }
    },
    async setInputFiles(selector, files) {
      const expression = `document.querySelector(${JSON.stringify(selector)})`;
      const { result } = await devtools.send("Runtime.evaluate", { expression }, session);
      const { objectId } = result as { readonly objectId: string };
      await devtools.send("DOM.setFileInputFiles", { files, objectId }, session);
    },
    fill: (selector, text) => on(selector, `element.value = ${JSON.stringify(text)}`),
    click: (selector) => on(selector, "element.click()"),
    async freeze() {
      await devtools.send("Page.setWebLifecycleState", { state: "frozen" }, session);
    },
    async thaw() {
      await devtools.send("Page.setWebLifecycleState", { state: "active" }, session);
    },
    pulses: () => Promise.all([session, ...workers].map((each) => evaluateIn<Pulse>(devtools, each, pulse))),
    async close() {
      await devtools.send("Target.disposeBrowserContext", { browserContextId });
      devtools.close();
    },
  };
}

/** @returns the sessions of those that run now, kept up to date */
async function followWorkers(devtools: Devtools, session: string): Promise<ReadonlySet<string>> {
  const workers = new Set<string>();
  devtools.hear("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
    if ((targetInfo as { readonly type: string }).type === "worker") workers.add(String(sessionId));
  });
  devtools.hear("Target.detachedFromTarget", ({ sessionId }) => workers.delete(String(sessionId)));
  const attachment = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true };
  await devtools.send("Target.setAutoAttach", attachment, session);
  return workers;
}

/** Awaits no promise: one of a worker that is frozen in the middle of a step settles when it is thawed. */
async function evaluateIn<T>(devtools: Devtools, session: string, expression: string): Promise<T> {
  const asked = { expression, returnByValue: true };
  const { result, exceptionDetails } = await devtools.send("Runtime.evaluate", asked, session);
  if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
  return (result as { readonly value: T }).value;
}
