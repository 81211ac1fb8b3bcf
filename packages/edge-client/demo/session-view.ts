/** Shows what this tab's client is doing. The body's data attributes say the same, for styles and tests. */
import type { JoinEvent, SessionEvent } from "@shoal/edge-client";
import { describeEvent } from "./describe-event.ts";
import { element, elementOf } from "./element.ts";

/** Its user has left, the task is over, it would not be let in again, or something went wrong. */
export type ClientEnd = "left" | "over" | "refused" | "failed";

export interface SessionView {
  starting(): void;
  enrolled(who: { readonly client: string; readonly task: string }, samples: number): void;
  show(event: JoinEvent): void;
  traffic(bytes: { readonly sent: number; readonly received: number }): void;
  /** @param reason - without a point; of no account where its user has left */
  stopped(end: ClientEnd, reason: string): void;
}

export function createSessionView(): SessionView {
  let contributed = 0;
  const state = document.body.dataset;
  const say = (sentence: string): void => {
    element("status").textContent = sentence;
  };
  return {
    starting() {
      Object.assign(state, { connection: "away", stage: "starting" });
      delete state["contributedRound"];
      say("Getting ready.");
    },
    enrolled({ client, task }, samples) {
      Object.assign(state, { client, task });
      // What happens may have been told before.
      if (state["connection"] === "away") say(`Connecting to ${task} as ${client}, with ${samples} digits.`);
    },
    show(event) {
      const { sentence, stage, progress, counts } = describeEvent(event);
      if (sentence !== undefined) say(sentence);
      if (stage !== undefined) state["stage"] = stage;
      if (progress !== undefined) elementOf("progress", HTMLProgressElement).value = progress;
      if (event.type === "connected" || event.type === "disconnected") state["connection"] = event.type;
      if (event.type === "privacy_spent") showSpent(event);
      if (event.type === "training") element("own-loss").textContent = event.loss.toFixed(3);
      // A contribution that was sent again is answered again.
      if (counts === undefined || state["contributedRound"] === String(counts)) return;
      contributed += 1;
      Object.assign(state, { contributions: String(contributed), contributedRound: String(counts) });
      element("contributed").textContent = String(contributed);
    },
    traffic({ sent, received }) {
      element("sent").textContent = sizeText(sent);
      element("received").textContent = sizeText(received);
    },
    stopped(end, reason) {
      Object.assign(state, { connection: "away", stage: "stopped", end });
      elementOf("progress", HTMLProgressElement).value = 0;
      say(endSentence(end, reason));
    },
  };
}

/** Where this tab adds noise of its own. */
function showSpent({ contributions, epsilon, delta }: Extract<SessionEvent, { readonly type: "privacy_spent" }>): void {
  const shown = element("privacy-spent");
  shown.toggleAttribute("hidden", false);
  shown.textContent = `With the noise that this tab adds: ε = ${epsilon.toFixed(2)} (δ = ${delta}) after contribution ${contributions}.`;
}

function endSentence(end: ClientEnd, reason: string): string {
  const because = reason.replace(/\.$/, "");
  switch (end) {
    case "left":
      return "You have left. What you drew is still here.";
    case "over":
      return `The task has ended: ${because}.`;
    case "refused":
      return `Not let in: ${because}.`;
    case "failed":
      return `Not taking part any more: ${because}.`;
  }
}

function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
