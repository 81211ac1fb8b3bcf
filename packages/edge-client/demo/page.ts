/** The demo page: digits of this device, a client that learns from them, and what comes of it. */
import type { FromClient, ToClient } from "./client-messages.ts";
import { createDrawingPad, type DrawnDigit } from "./drawing-pad.ts";
import { element, elementOf } from "./element.ts";
import { takeIdentity, type Identity } from "./identity.ts";
import { readFiles } from "./read-files.ts";
import { createRoundView } from "./round-view.ts";
import { createSessionView } from "./session-view.ts";

/** Where the device does not say: half of what a small phone gives a tab. */
const usualMemoryBytes = 256 * 2 ** 20;
const shareOfMemory = 1 / 8;

const drawn: DrawnDigit[] = [];
const pad = createDrawingPad(elementOf("pad", HTMLCanvasElement), recognise);
const rounds = createRoundView();
const session = createSessionView();
const [startButton, stopButton] = [elementOf("start", HTMLButtonElement), elementOf("stop", HTMLButtonElement)];
let identity: Identity | undefined;
let client: Worker | undefined;

for (let label = 0; label < 10; label += 1) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: String(label) });
  button.addEventListener("click", () => {
    const pixels = pad.read();
    if (pixels === undefined) return;
    drawn.push({ label, pixels });
    pad.wipe();
    element("drawn").textContent = `${drawn.length} drawn, the last one a ${label}.`;
  });
  element("labels").append(button);
}
element("wipe").addEventListener("click", () => pad.wipe());
startButton.addEventListener("click", () => void start().catch(complain));

async function start(): Promise<void> {
  startButton.disabled = true;
  element("problem").toggleAttribute("hidden", true);
  identity ??= await takeIdentity();
  const files = await readFiles(elementOf("files", HTMLInputElement).files);
  const samples = elementOf("samples", HTMLInputElement).valueAsNumber;
  const worker = new Worker(new URL("./client-worker.ts", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }: MessageEvent<FromClient>) => hear(data, worker));
  worker.addEventListener("error", ({ message }) => complain(new Error(message || "the worker did not start")));
  client = worker;
  tell(worker, {
    type: "start",
    origin: location.origin,
    ticket: new URLSearchParams(location.hash.slice(1)).get("ticket"),
    seed: identity.seed,
    data: { generated: { samples: Number.isFinite(samples) ? samples : 0, seed: handOf(identity) }, files, drawn },
    memoryBytes: memoryBytes(),
  });
  const stop = (): void => tell(worker, { type: "stop" });
  stopButton.onclick = stop;
  // A page that is kept for "back" goes on when it is shown again.
  addEventListener("pagehide", ({ persisted }) => {
    if (!persisted) tell(worker, { type: "page_goes" });
  });
  startButton.hidden = true;
  stopButton.hidden = false;
}

function hear(message: FromClient, worker: Worker): void {
  switch (message.type) {
    case "key":
      identity?.keep(message.seed);
      return;
    case "event":
      if (message.event.type === "round_closed") rounds.add(message.event.summary);
      session.show(message.event);
      return;
    case "enrolled":
      session.enrolled(message.enrolment, message.samples);
      return;
    case "traffic":
      session.traffic(message);
      return;
    case "recognised":
      element("seen").textContent = seenText(message.shares);
      return;
    case "stopped":
      client = undefined;
      worker.terminate();
      session.stopped(message.reason);
      startButton.disabled = false;
      startButton.hidden = false;
      stopButton.hidden = true;
  }
}

function tell(worker: Worker, message: ToClient): void {
  worker.postMessage(message);
}

/** Asks the client what the model sees; without one, or before its first round, there is nothing to say. */
function recognise(): void {
  element("seen").textContent = "";
  const pixels = pad.read();
  if (pixels !== undefined && client !== undefined) tell(client, { type: "recognise", pixels });
}

function seenText(shares: readonly number[]): string {
  const most = Math.max(...shares);
  return `The model sees a ${shares.indexOf(most)} (${Math.round(100 * most)} %).`;
}

function complain(error: unknown): void {
  const problem = element("problem");
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.toggleAttribute("hidden", false);
  startButton.disabled = false;
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
