/** What an event of the client means to somebody who looks at the page. */
import type { JoinEvent } from "@shoal/edge-client";

export interface EventDescription {
  readonly sentence?: string;
  readonly stage?: "nobody" | "waiting" | "offered" | "downloading" | "training" | "uploading" | "failed";
  /** Of the round: a third each to fetch, to train, to send. */
  readonly progress?: number;
  /** The round to which this tab has contributed. */
  readonly counts?: number;
}

export function describeEvent(event: JoinEvent): EventDescription {
  switch (event.type) {
    case "waiting": {
      const reason = sentenceOf(event.reason).replace(/\.$/, "");
      return { sentence: `Waiting for a task: ${reason}. It is asked for again.`, stage: "nobody" };
    }
    case "connected":
      return { sentence: "Connected." };
    case "disconnected":
      return { sentence: "The connection is lost; it comes back by itself." };
    case "checked_in":
      return { sentence: "Waiting for a round.", stage: "waiting", progress: 0 };
    case "turned_away":
      return { sentence: `Not wanted now: ${event.reason}`, stage: "waiting" };
    case "offered":
      return { sentence: `Drawn for round ${event.round}.`, stage: "offered" };
    case "downloading":
      return { sentence: "Fetching the model.", stage: "downloading", progress: event.bytes / event.of / 3 };
    case "training":
      return { sentence: `Training in round ${event.round}.`, stage: "training", progress: 1 / 2 };
    case "uploading": {
      const sentence = `Sending what was learnt in round ${event.round}.`;
      return { sentence, stage: "uploading", progress: (2 + event.bytes / event.of) / 3 };
    }
    case "answered":
      return describeAnswer(event);
    case "let_go":
      return {
        sentence: `Round ${event.round} went on without this tab: ${sentenceOf(event.reason)}`,
        stage: "waiting",
      };
    case "not_kept":
      return { sentence: "This browser keeps nothing: a page that is loaded again begins its round afresh." };
    case "failed":
      return { sentence: sentenceOf(event.reason), stage: "failed" };
    default:
      return {};
  }
}

function describeAnswer({ round, answer }: Extract<JoinEvent, { readonly type: "answered" }>): EventDescription {
  const done = { stage: "waiting", progress: 1 } as const;
  if (answer.kind === "accepted" || (answer.kind === "duplicate" && answer.accepted)) {
    return { ...done, sentence: `The contribution to round ${round} was taken.`, counts: round };
  }
  const late = `The contribution to round ${round} came too late.`;
  return { ...done, sentence: "reason" in answer ? answer.reason : late };
}

/** For people: without its code. */
export function sentenceOf(reason: string): string {
  return reason.replace(/^\[[a-z_]+\] /, "");
}
