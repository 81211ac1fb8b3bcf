/**
 * A client's side of the dialogue over a network that loses, doubles and delays: one message after the other, and what
 * comes again gets the answer that it had. A message that differs from the first of its kind goes to the client, which
 * leaves: that is no network's doing.
 *
 * The caller repeats what it has sent last until something new comes, for as long as a stage may take at most.
 */
import { hexOf, sha256 } from "../contribution/sha256.ts";
import type { SecureClient } from "./secure-client.ts";
import { encodeSecureMessage, type SecureClientMessage, type SecureServerMessage } from "./wire.ts";

export type SecureReaction =
  | { readonly kind: "send"; readonly message: SecureClientMessage }
  /** Mask the vector, upload it, then send "masked". Once. */
  | { readonly kind: "mask" }
  /** It has been acted on before. */
  | { readonly kind: "nothing" }
  | { readonly kind: "over"; readonly reason: string };

export interface SecureExchange {
  /** The first message. */
  begin(): Promise<SecureClientMessage>;
  /** @throws ShoalError - of the client, which has left then; the same for every later message but "over" */
  take(message: SecureServerMessage): Promise<SecureReaction>;
}

/** Keeps one answer for each of three kinds of messages. */
export function createSecureExchange(client: SecureClient): SecureExchange {
  const taken = new Map<string, { readonly hash: string; readonly again: SecureReaction }>();
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  };
  return {
    begin: () => inTurn(async () => ({ type: "keys", keys: await client.advertise() })),
    take: (message) =>
      inTurn(async () => {
        if (message.type === "over") return { kind: "over", reason: message.reason };
        const hash = hexOf(sha256(encodeSecureMessage(message)));
        const known = taken.get(message.type);
        if (known?.hash === hash) return known.again;
        const reaction = await react(client, message);
        taken.set(message.type, { hash, again: reaction.kind === "mask" ? { kind: "nothing" } : reaction });
        return reaction;
      }),
  };
}

async function react(
  client: SecureClient,
  message: Exclude<SecureServerMessage, { type: "over" }>,
): Promise<SecureReaction> {
  switch (message.type) {
    case "roster":
      return { kind: "send", message: { type: "shares", shares: await client.share(message.roster) } };
    case "shares":
      await client.receive(message.shares);
      return { kind: "mask" };
    case "request":
      return { kind: "send", message: { type: "answer", answer: await client.reveal(message.request) } };
  }
}
