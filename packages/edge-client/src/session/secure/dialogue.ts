/**
 * What a client and the aggregator say to each other in a secure sum: the client says its newest message again and again
 * until the other side says the next one, which may be lost.
 *
 * Bounds  a few notices wait; a message is repeated after 2 s, then more and more seldom, for as long as the round lasts.
 */
import {
  decodeSecureServerMessage,
  encodeSecureMessage,
  type ContributionAnswer,
  type SecureClientMessage,
  type SecureExchange,
  type SecureReaction,
  type SecureServerMessage,
} from "@shoal/federated";
import type { RoundRoom, SecureNotice } from "../round-room.ts";

export type Heard =
  | Exclude<SecureReaction, { readonly kind: "nothing" }>
  | { readonly kind: "answered"; readonly answer: ContributionAnswer };

export interface Dialogue {
  /** @throws ShoalError cancelled; permission_denied, codec_failed - what was heard makes the client leave */
  say(message: SecureClientMessage): Promise<Heard>;
  close(): void;
}

const mostNotices = 8;
const [leastRepeatMs, mostRepeatMs] = [2_000, 15_000];

/** "The sum is there", with the client's update in it: what it has still to say is not needed. What it weighs nobody has seen. */
const counted: ContributionAnswer = { kind: "accepted", weight: 1, comeBackAfterMs: 0 };

/** What follows on each message; what comes beside that has been acted on. */
const next: Readonly<Record<SecureClientMessage["type"], SecureServerMessage["type"] | "nothing">> = {
  keys: "roster",
  shares: "shares",
  masked: "request",
  answer: "nothing",
};

export function openDialogue(room: RoundRoom, round: number, exchange: SecureExchange): Dialogue {
  const { plane, signal, jittered } = room;
  const notices: SecureNotice[] = [];
  let wake: (() => void) | undefined;
  let isDone = false;
  const done = Promise.withResolvers<Heard>();
  const close = room.hearSecure((notice) => {
    if (notice.stage === "over") {
      isDone = true;
      done.resolve({ kind: "answered", answer: counted });
    }
    if (notices.length < mostNotices) notices.push(notice);
    wake?.();
  });
  const wait = async (ms: number): Promise<void> => {
    const heard = new AbortController();
    wake = () => heard.abort();
    try {
      if (notices.length === 0) await plane.sleep(ms, AbortSignal.any([signal, heard.signal]));
    } catch (error) {
      if (signal.aborted) throw error;
    } finally {
      wake = undefined;
    }
  };
  const hear = async (expected: string): Promise<Heard | undefined> => {
    for (let notice = notices.shift(); notice !== undefined; notice = notices.shift()) {
      if (notice.stage !== expected) continue;
      const reaction = await exchange.take(decodeSecureServerMessage(notice.stage, notice.body));
      if (reaction.kind !== "nothing") return reaction;
    }
    return undefined;
  };
  return {
    async say(message) {
      const body = encodeSecureMessage(message);
      for (let tries = 0; ; tries += 1) {
        const asked = plane.ask({ type: "secure_message", round, stage: message.type, body }, signal);
        const reply = await Promise.race([asked, done.promise]);
        if ("kind" in reply) return reply;
        if (reply.type === "answered") return { kind: "answered", answer: reply.answer };
        if (reply.type === "gone") return { kind: "over", reason: reply.reason };
        await wait(jittered(Math.min(leastRepeatMs * 2 ** tries, mostRepeatMs)));
        const reaction = isDone ? await done.promise : await hear(next[message.type]);
        if (reaction !== undefined) return reaction;
      }
    },
    close,
  };
}
