/**
 * The secure sums of a task, one a round: joins `advanceSecureSum` with clients, the store and the round.
 *
 *   start_cohort ─▶ advertising ─▶ sharing ─▶ masking ─▶ unmasking ─▶ every survivor is reported: the round commits
 *                        └────────────┴──────────┴───────────┴──────▶ the round is abandoned, with the reason
 *
 * Invariants
 *   V1  the round's machine hears of contributions when the masks are off, of all survivors at once: before that there is
 *       nothing that could be committed. Who is left out of the sum is dropped from the round in that moment.
 *   V2  what takes the masks off is asked for when the round's price in privacy is in the store, and not before.
 *   V3  nothing of a sum is stored: whoever takes the task over abandons the round.
 *   V4  a vector is in the sum whole or not at all, and "masked" is said of it here, never by its client.
 * Bounds  one sum of 4 bytes a key, and the mean; keys that come before the cohort is known: one set a member.
 */
import {
  decodeSecureClientMessage,
  isPublicKey,
  type AdvertisedKeys,
  type ClientReply,
  type ContributionAnswer,
  type Curve,
  type RoundStep,
  type SecureClientMessage,
} from "@shoal/federated";
import { ShoalError } from "@shoal/errors";
import type { StoredContribution } from "../contributions/contribution-store.ts";
import { listNames } from "../rounds/describe-wait.ts";
import { comeBackAfter, type Room } from "../serve/room.ts";
import { membersOf } from "../serve/round-offer.ts";
import type { SecureAggregation } from "../settings.ts";
import { advance, arm, drop, type Sums } from "./advance-sitting.ts";
import { describeSitting, presentIn, startSitting } from "./sitting.ts";

export interface SecureMessage {
  readonly round: number;
  readonly stage: string;
  readonly body: Uint8Array;
}

export interface SecureSums {
  /** All who take part are known. Twice changes nothing. */
  begin(): void;
  /** Told of every step of rounds: a sum is over with its round. */
  stepped(step: RoundStep): void;
  /** @throws ShoalError codec_failed; invalid_argument - keys under another name, or that are none */
  hear(client: string, message: SecureMessage): ClientReply;
  /** Whether a client's vector may come now. */
  wants(client: string, round: number): "yes" | "here" | "no";
  /** Takes a vector that is complete. @returns whether it is in the sum @throws ShoalError codec_failed - it is not */
  add(contribution: StoredContribution): boolean;
  /** A client has gone. */
  left(client: string): void;
  /** The mean of a round whose masks are off, [size] float32. */
  meanOf(round: number): { readonly mean: Float32Array; readonly clients: number } | undefined;
  /** What the open round waits for; undefined where its sum has not begun. */
  describe(): string | undefined;
  close(): void;
}

/** @param room - called when something happens, never at once */
export function createSecureSums(
  settings: SecureAggregation,
  { room, subtle }: { readonly room: () => Room; readonly subtle: SubtleCrypto },
): SecureSums {
  const own: Sums = {
    ...{ settings, subtle, room },
    ...{ current: undefined, last: undefined, early: { round: 0, keys: new Map() } },
  };
  return {
    begin: () => begin(own),
    stepped({ state: { number, phase } }) {
      if (own.current !== undefined && (own.current.round !== number || phase === "abandoned")) drop(own);
    },
    hear: (client, message) => hear(own, client, message),
    wants(client, round) {
      const { current } = own;
      if (current?.round !== round) return "no";
      if (current.added.has(client)) return "here";
      const { state } = current;
      const isAwaited = state.phase === "masking" && presentIn(state)?.includes(client) === true;
      return isAwaited && !state.gone.includes(client) ? "yes" : "no";
    },
    add(contribution) {
      const { client, round, id } = contribution.offer;
      const { current } = own;
      if (this.wants(client, round) !== "yes" || current === undefined) return false;
      current.sum.add(contribution.content); // V4
      current.added.set(client, id);
      advance(own, current, { type: "masked", client });
      return true;
    },
    left(client) {
      own.early.keys.delete(client);
      const { current } = own;
      if (current !== undefined) advance(own, current, { type: "left", client });
    },
    meanOf(round) {
      const { current } = own;
      if (current?.round !== round || current.mean === undefined) return undefined;
      return { mean: current.mean, clients: current.added.size };
    },
    describe() {
      const { keeper, clock } = room();
      const { current } = own;
      const isOpen = current?.round === keeper.record.round.number && keeper.record.round.phase === "reporting";
      return isOpen ? describeSitting(current, clock.now(), listNames) : undefined;
    },
    close: () => drop(own),
  };
}

function begin(own: Sums): void {
  const { keeper, clock, codecs, task, timeline } = own.room();
  const { round } = keeper.record;
  if (round.phase !== "reporting" || own.current?.round === round.number) return;
  const { number, members, plan } = round;
  // The round's machine gives up in the same moment.
  if (members.length < plan.minimum) return;
  drop(own);
  const facts = { task, round: number, size: codecs.size, invited: members.length, nowMs: clock.now() };
  const sitting = startSitting(own.settings, facts);
  own.current = sitting;
  timeline.staged(sitting.state.phase, clock.now());
  const early = own.early.round === number ? own.early.keys : new Map<string, AdvertisedKeys>();
  own.early = { round: number, keys: new Map() };
  for (const { client } of members) {
    const keys = early.get(client);
    if (keys !== undefined) advance(own, sitting, { type: "keys", keys });
  }
  arm(own, sitting);
}

function hear(own: Sums, client: string, { round, stage, body }: SecureMessage): ClientReply {
  const room = own.room();
  room.traffic.up += body.length;
  const message = decodeSecureClientMessage(stage, body);
  if (message.type === "keys" && message.keys.client !== client) {
    throw new ShoalError("invalid_argument", `keys of ${message.keys.client}, sent by ${client}`, { field: "client" });
  }
  const { current, last } = own;
  if (last?.round === round && last.survivors.has(client)) return accepted(room);
  const isMember = membersOf(room.keeper.record.round).some(
    (each) => each.client === client && each.sinceRound === round,
  );
  if (!isMember) return gone(`round ${round} is over for ${client}`);
  if (message.type === "keys") checkKeys(room, own.settings.task.curve, message.keys);
  if (current?.round !== round) return takeEarly(own, round, message);
  if (message.type === "masked" && !current.added.has(client)) return gone("its masked update is not here"); // V4
  const { effects } = advance(own, current, message.type === "keys" ? message : { ...message, client });
  const refusal = effects.find((effect) => effect.type === "refuse" && effect.client === client);
  if (refusal?.type === "refuse") return gone(refusal.reason);
  return message.type === "answer" ? accepted(room) : { type: "noted" };
}

/** Before anybody else is sent them: who met such keys would have to leave. @throws ShoalError invalid_argument */
function checkKeys({ registry, clock }: Room, curve: Curve, { client, maskKey, sealKey }: AdvertisedKeys): void {
  if (isPublicKey(curve, maskKey) && isPublicKey(curve, sealKey)) return;
  registry.holdAgainst(client, clock.now());
  throw new ShoalError("invalid_argument", `these are no public keys of ${curve}`, { field: "keys" });
}

/** Who takes part says its keys at once, before the last has answered. */
function takeEarly(own: Sums, round: number, message: SecureClientMessage): ClientReply {
  if (message.type !== "keys") return gone("no secure sum has begun");
  if (own.early.round !== round) own.early = { round, keys: new Map() };
  own.early.keys.set(message.keys.client, message.keys);
  return { type: "noted" };
}

function accepted(room: Room): ClientReply {
  // What it weighs is in the sum, and nobody has seen it.
  const answer: ContributionAnswer = { kind: "accepted", weight: 1, comeBackAfterMs: comeBackAfter(room) };
  return { type: "answered", answer };
}

const gone = (reason: string): ClientReply => ({ type: "gone", reason: reason.slice(0, 1_000) });
