/** The client of this tab, from its digits to the end of its task. */
import { systemClock, type Timer } from "@shoal/actors/browser";
import { join, type JoinedSession, type JoinEvent } from "@shoal/edge-client";
import { isShoalError, ShoalError } from "@shoal/errors";
import { sentenceOf } from "./describe-event.ts";
import type { DrawnDigit } from "./drawing-pad.ts";
import { handOfTab } from "./hand.ts";
import { openLocalData, picturesOf } from "./local-data.ts";
import type { Recogniser } from "./recogniser.ts";
import type { ClientEnd, SessionView } from "./session-view.ts";

export interface Participation {
  /** Another digit was drawn: the next training has it. */
  take(): void;
  /** What the newest model sees; undefined before the first round. */
  recognise(pixels: Uint8Array): Promise<readonly number[] | undefined>;
  leave(): void;
}

export interface ParticipationOptions {
  readonly generated: number;
  readonly files: { readonly images: Uint8Array; readonly labels: Uint8Array } | null;
  /** All that there are; more may come. */
  readonly drawn: readonly DrawnDigit[];
  readonly view: SessionView;
  readonly onEvent: (event: JoinEvent) => void;
  readonly onEnd: (end: ClientEnd, reason: string, modelHash: string) => void;
}

const trafficEveryMs = 500;

/** @throws RangeError - there are no digits; ShoalError data_corrupt - the files have none */
export async function takePart(options: ParticipationOptions): Promise<Participation> {
  const { generated, files, drawn, view, onEvent, onEnd } = options;
  const digits = await openLocalData({ generated: { samples: generated, seed: handOfTab() }, files });
  const first = digits(drawn);
  const given = drawn.length;
  const stopping = new AbortController();
  let joined: JoinedSession | undefined;
  let recogniser: Promise<Recogniser> | undefined;
  const take = (): void => void joined?.setData(digits(drawn));
  void live().then(({ end, reason, hash }) => onEnd(end, sentenceOf(reason), hash));
  return {
    take,
    async recognise(pixels) {
      const model = await joined?.model();
      if (model === undefined) return undefined;
      recogniser ??= import("./recogniser.ts").then(({ openRecogniser }) => openRecogniser(picturesOf(first.train)));
      return (await recogniser).recognise(model, pixels);
    },
    leave: () => stopping.abort(),
  };

  async function live(): Promise<{ readonly end: ClientEnd; readonly reason: string; readonly hash: string }> {
    let wasTurnedAway = false;
    const hear = (event: JoinEvent): void => {
      // For good: this device, or its data, do not suit the task.
      if (event.type === "turned_away") wasTurnedAway = event.isFinal && event.over === undefined;
      onEvent(event);
    };
    try {
      const ticket = new URLSearchParams(location.hash.slice(1)).get("ticket");
      const task = { origin: location.origin, ticket };
      joined = await join(task, first, { onEvent: hear, signal: stopping.signal });
      view.enrolled(joined, first.train.count);
      if (drawn.length > given) take();
      const stopCounting = countTraffic(joined, view);
      const reason = await joined.ended.finally(stopCounting);
      view.traffic(await joined.traffic());
      const end = wasTurnedAway ? "refused" : stopping.signal.aborted ? "left" : "over";
      return { end, reason, hash: (await joined.model())?.hash ?? "" };
    } catch (error) {
      return { end: endOf(error), reason: ShoalError.from(error).message, hash: "" };
    }
  }
}

/** Trying again would end alike where it was refused. */
function endOf(error: unknown): ClientEnd {
  if (isShoalError(error, "cancelled")) return "left";
  const refusals = ["unauthenticated", "permission_denied", "update_needed"] as const;
  return refusals.some((code) => isShoalError(error, code)) ? "refused" : "failed";
}

/** @returns stops */
function countTraffic(joined: JoinedSession, view: SessionView): () => void {
  let counting: Timer | undefined;
  let isOver = false;
  const count = async (): Promise<void> => {
    view.traffic(await joined.traffic());
    if (!isOver) counting = systemClock.after(trafficEveryMs, () => void count());
  };
  void count();
  return () => {
    isOver = true;
    counting?.cancel();
  };
}
