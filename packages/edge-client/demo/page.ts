/** The demo page: digits of this device, a client that learns from them, and what comes of it. */
import type { JoinEvent } from "@shoal/edge-client";
import { createDrawingPad, type DrawnDigit } from "./drawing-pad.ts";
import { element, elementOf } from "./element.ts";
import { readFiles } from "./read-files.ts";
import { createRoundView } from "./round-view.ts";
import { createSessionView, type ClientEnd } from "./session-view.ts";
import { takePart, type Participation } from "./take-part.ts";

const insecure =
  "This page came over http from another machine: browsers let such a page neither name nor protect a client. " +
  "Open it over https, or on the machine that serves it.";

const drawn: DrawnDigit[] = [];
const pad = createDrawingPad(elementOf("pad", HTMLCanvasElement), () => void recognise().catch(complain));
const rounds = createRoundView();
const session = createSessionView();
const [startButton, stopButton] = [elementOf("start", HTMLButtonElement), elementOf("stop", HTMLButtonElement)];
/** The last one: its model can be asked what it sees after its end, too. */
let participation: Participation | undefined;

for (let label = 0; label < 10; label += 1) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: String(label) });
  button.addEventListener("click", () => take(label));
  element("labels").append(button);
}
element("wipe").addEventListener("click", () => pad.wipe());
startButton.addEventListener("click", () => void start().catch(giveUp));
stopButton.addEventListener("click", () => participation?.leave());

function take(label: number): void {
  const pixels = pad.read();
  if (pixels === undefined) {
    element("drawn").textContent = "Draw a digit first, then say which one it is.";
    return;
  }
  drawn.push({ label, pixels });
  participation?.take();
  pad.wipe();
  element("drawn").textContent = `${drawn.length} drawn, the last one a ${label}.`;
}

async function start(): Promise<void> {
  const hadFocus = document.activeElement === startButton;
  startButton.disabled = true;
  element("problem").toggleAttribute("hidden", true);
  if (!isSecureContext) throw new Error(insecure);
  const generated = generatedSamples();
  session.starting();
  const files = await readFiles(elementOf("files", HTMLInputElement).files);
  participation = await takePart({ generated, files, drawn, view: session, onEvent: hear, onEnd: end });
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

function hear(event: JoinEvent): void {
  if (event.type === "round_closed") rounds.add(event.summary);
  if (event.type === "measured") rounds.measured(event.round, event.accuracy);
  session.show(event);
}

function end(how: ClientEnd, reason: string, modelHash: string): void {
  startAgain();
  document.body.dataset["model"] = modelHash;
  session.stopped(how, reason);
  if (how === "failed") complain(new Error(reason));
}

function startAgain(): void {
  startButton.disabled = false;
  exchange(stopButton, startButton, document.activeElement === stopButton);
}

/** What is wrong is wrong here: the server has no part in it. */
function giveUp(error: unknown): void {
  startAgain();
  session.stopped("failed", error instanceof Error ? error.message : String(error));
  complain(error);
}

/** Asks what the model sees; before the first round there is nothing to say. */
async function recognise(): Promise<void> {
  element("seen").textContent = "";
  const pixels = pad.read();
  elementOf("pad", HTMLCanvasElement).dataset["empty"] = String(pixels === undefined);
  const shares = pixels === undefined ? undefined : await participation?.recognise(pixels);
  if (shares !== undefined) element("seen").textContent = seenText(shares);
}

function seenText(shares: readonly number[]): string {
  const most = Math.max(...shares);
  return `The model sees a ${shares.indexOf(most)} (${Math.round(100 * most)} %).`;
}

function complain(error: unknown): void {
  const problem = element("problem");
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.toggleAttribute("hidden", false);
  problem.scrollIntoView({ block: "nearest" });
}
