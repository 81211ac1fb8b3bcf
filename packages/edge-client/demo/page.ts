/** The demo page: digits of this device, a client that learns from them, and what comes of it. */
import { createBrowserHints } from "@shoal/edge-client";
import type { FromClient, FromCompute, ToClient, ToCompute } from "./client-messages.ts";
import { createDrawingPad, type DrawnDigit } from "./drawing-pad.ts";
import { element, elementOf } from "./element.ts";
import { takeIdentity, type Identity } from "./identity.ts";
import { readFiles } from "./read-files.ts";
import { createRoundView } from "./round-view.ts";
import { createSessionView } from "./session-view.ts";

/** Where the device does not say: half of what a small phone gives a tab. */
const usualMemoryBytes = 256 * 2 ** 20;
const shareOfMemory = 1 / 8;
const insecure =
  "This page came over http from another machine: browsers let such a page neither name nor protect a client. " +
  "Open it over https, or on the machine that serves it.";

const drawn: DrawnDigit[] = [];
const pad = createDrawingPad(elementOf("pad", HTMLCanvasElement), recognise);
const rounds = createRoundView();
const session = createSessionView();
const [startButton, stopButton] = [elementOf("start", HTMLButtonElement), elementOf("stop", HTMLButtonElement)];
let identity: Identity | undefined;
/** While this tab takes part. */
let workers: Workers | undefined;

interface Workers {
  /** Holds the connection. */
  readonly client: Worker;
  /** Holds the digits, and trains. */
  readonly compute: Worker;
}

for (let label = 0; label < 10; label += 1) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: String(label) });
  button.addEventListener("click", () => take(label));
  element("labels").append(button);
}
element("wipe").addEventListener("click", () => pad.wipe());
startButton.addEventListener("click", () => void start().catch(giveUpFor));

function take(label: number): void {
  const pixels = pad.read();
  if (pixels === undefined) {
    element("drawn").textContent = "Draw a digit first, then say which one it is.";
    return;
  }
  const digit = { label, pixels };
  drawn.push(digit);
  workers?.compute.postMessage({ type: "drawn", digit } satisfies ToCompute);
  pad.wipe();
  element("drawn").textContent = `${drawn.length} drawn, the last one a ${label}.`;
}

async function start(): Promise<void> {
  const hadFocus = document.activeElement === startButton;
  startButton.disabled = true;
  element("problem").toggleAttribute("hidden", true);
  if (!isSecureContext) throw new Error(insecure);
  const samples = generatedSamples();
  endWorkers();
  identity ??= await takeIdentity();
  const files = await readFiles(elementOf("files", HTMLInputElement).files);
  const between = new MessageChannel();
  // The names that `build-page.mjs` gives them.
  const own: Workers = {
    client: new Worker("./client-worker.js", { type: "module" }),
    compute: new Worker("./compute-worker.js", { type: "module" }),
  };
  workers = own;
  own.client.addEventListener("message", ({ data }: MessageEvent<FromClient>) => hear(data));
  own.compute.addEventListener("message", ({ data }: MessageEvent<FromCompute>) => hearCompute(data));
  for (const worker of [own.client, own.compute]) {
    worker.addEventListener("error", ({ message }) => giveUp(message || "a worker of this page did not start"));
  }
  const load: ToCompute = {
    type: "load",
    data: { generated: { samples, seed: handOf(identity) }, files },
    ...{ drawn, memoryBytes: memoryBytes(), client: between.port1 },
  };
  own.compute.postMessage(load, [between.port1]);
  const begin: ToClient = {
    ...{ type: "start", origin: location.origin, seed: identity.seed, memoryBytes: memoryBytes() },
    ticket: new URLSearchParams(location.hash.slice(1)).get("ticket"),
    compute: between.port2,
  };
  own.client.postMessage(begin, [between.port2]);
  session.starting();
  exchange(startButton, stopButton, hadFocus);
}

/** One takes the place of the other, for the keyboard too. */
function exchange(gone: HTMLButtonElement, here: HTMLButtonElement, hasFocus: boolean): void {
  gone.hidden = true;
  here.hidden = false;
  if (hasFocus) here.focus({ preventScroll: true });
}

/** @throws Error where the field has something else */
function generatedSamples(): number {
  const field = elementOf("samples", HTMLInputElement);
  if (field.value === "" && field.validity.valid) return 0;
  if (field.validity.valid) return field.valueAsNumber;
  field.focus();
  throw new Error(`How many digits shall be generated? A whole number from ${field.min} to ${field.max}.`);
}

stopButton.addEventListener("click", () => tell({ type: "stop" }));
// A page that is kept for "back" goes on when it is shown again.
addEventListener("pagehide", ({ persisted }) => {
  if (!persisted) tell({ type: "page_goes" });
});
createBrowserHints().listen(() => tell({ type: "reconnect_hint" }));

function hear(message: FromClient): void {
  switch (message.type) {
    case "key":
      identity?.keep(message.seed);
      return;
    case "event":
      if (message.event.type === "round_closed") rounds.add(message.event.summary);
      if (message.event.type === "measured") rounds.measured(message.event.round, message.event.accuracy);
      session.show(message.event);
      return;
    case "enrolled":
      session.enrolled(message.enrolment, message.samples);
      return;
    case "traffic":
      session.traffic(message);
      return;
    case "nobody":
      session.nobody(message.reason);
      return;
    case "stopped":
      end(message.end === "over");
      document.body.dataset["model"] = message.modelHash;
      session.stopped(message.end, message.reason);
  }
}

function hearCompute(message: FromCompute): void {
  if (message.type === "failed") giveUp(message.reason);
  else element("seen").textContent = seenText(message.shares);
}

function tell(message: ToClient): void {
  workers?.client.postMessage(message);
}

/** @param staysToLook - the model of a task that is over can still be asked what it sees */
function end(staysToLook = false): void {
  workers?.client.terminate();
  if (!staysToLook) endWorkers();
  startButton.disabled = false;
  exchange(stopButton, startButton, document.activeElement === stopButton);
}

function endWorkers(): void {
  workers?.client.terminate();
  workers?.compute.terminate();
  workers = undefined;
}

/** What is wrong is wrong here: the server has no part in it. */
function giveUp(reason: string): void {
  end();
  session.stopped("failed", reason);
  complain(new Error(reason));
}

/** Asks the client what the model sees; without one, or before its first round, there is nothing to say. */
function recognise(): void {
  element("seen").textContent = "";
  const pixels = pad.read();
  elementOf("pad", HTMLCanvasElement).dataset["empty"] = String(pixels === undefined);
  const asked: ToCompute | undefined = pixels === undefined ? undefined : { type: "recognise", pixels };
  if (asked !== undefined) workers?.compute.postMessage(asked);
}

function seenText(shares: readonly number[]): string {
  const most = Math.max(...shares);
  return `The model sees a ${shares.indexOf(most)} (${Math.round(100 * most)} %).`;
}

function giveUpFor(error: unknown): void {
  end();
  complain(error);
}

function complain(error: unknown): void {
  const problem = element("problem");
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.toggleAttribute("hidden", false);
  problem.scrollIntoView({ block: "nearest" });
}

/** Tabs that have generated digits have different ones. */
function handOf({ number }: Identity): number {
  const chosen = Number(new URLSearchParams(location.search).get("seed"));
  return Number.isInteger(chosen) && chosen > 0 ? chosen : 1_000 + number;
}

function memoryBytes(): number {
  const { deviceMemory } = navigator as { readonly deviceMemory?: number };
  return deviceMemory === undefined ? usualMemoryBytes : Math.floor(deviceMemory * 2 ** 30 * shareOfMemory);
}
