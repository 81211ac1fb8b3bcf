/**
 * A client's part of a round whose updates are masked: keys, sealed shares, then training and the masked update, then what
 * takes the masks off the sum. Loaded when a task asks for it.
 *
 * The client's secrets are in its memory and nowhere else: one that is reloaded after it has said its keys has left the
 * round, and says so.
 */
import {
  contributionId,
  createRandomBits,
  createSecureClient,
  createSecureExchange,
  describeVector,
  isSentAtOnce,
  maskedEncoding,
  settingsOfSum,
  systemRandomBytes,
  systemSubtle,
  unsaid,
  type ClientTrace,
  type ContributionAnswer,
  type ContributionOffer,
  type SecureClient,
  type SecureTask,
  type WholeVector,
} from "@shoal/federated";
import { traceOf } from "../client-trace.ts";
import { sendChunks } from "../contribute.ts";
import { decline } from "../decline.ts";
import { fetchValues } from "../fetch-values.ts";
import { trainAttended } from "../play-round.ts";
import type { RoundOutcome, RoundRoom } from "../round-room.ts";
import type { WorkRecord } from "../work-record.ts";
import { maskUpdate } from "./mask-update.ts";
import { openDialogue, type Dialogue } from "./dialogue.ts";

const reloaded = "it was reloaded, and its keys are gone";

/** @throws ShoalError cancelled - the round is over; permission_denied - what it was told makes it leave; of the training */
export async function playSecureRound(room: RoundRoom, record: WorkRecord, secure: SecureTask): Promise<RoundOutcome> {
  const { plane, signal, tell, shelf, task, client } = room;
  const { round } = record.offer;
  if (record.answer !== null) {
    const comeBackAfterMs = await decline(plane, { round, reason: reloaded }, signal);
    return { kind: "let_go", reason: reloaded, comeBackAfterMs };
  }
  const beganMs = room.now();
  tell({ type: "offered", round });
  const noted = await plane.ask({ type: "answer_offer", round, takesPart: true, reason: "" }, signal);
  if (noted.type !== "offer_noted" || !noted.isMember) {
    return { kind: "let_go", reason: "the round has others, or has begun" };
  }
  await shelf.write({ ...record, answer: "secret" });
  const ports = room.cryptography ?? { subtle: systemSubtle(), randomBytes: systemRandomBytes };
  const settings = settingsOfSum(secure, task.task, round);
  const own = createSecureClient(client, settings, ports);
  const exchange = createSecureExchange(own);
  const dialogue = openDialogue(room, round, exchange);
  try {
    const part: Part = { room, record, own, settings, random: createRandomBits(ports.randomBytes), beganMs };
    return await converse(part, dialogue, { first: await exchange.begin(), values: noted.values });
  } finally {
    dialogue.close();
  }
}

interface Part {
  readonly room: RoundRoom;
  readonly record: WorkRecord;
  readonly own: SecureClient;
  readonly settings: ReturnType<typeof settingsOfSum>;
  readonly random: ReturnType<typeof createRandomBits>;
  readonly beganMs: number;
}

async function converse(
  part: Part,
  dialogue: Dialogue,
  { first, values }: { readonly first: Parameters<Dialogue["say"]>[0]; readonly values: WholeVector | null },
): Promise<RoundOutcome> {
  let message = first;
  for (;;) {
    const heard = await dialogue.say(message);
    switch (heard.kind) {
      case "send":
        ({ message } = heard);
        break;
      case "mask": {
        const end = await contributeMasked(part, values);
        if (end !== undefined) return end;
        message = { type: "masked" };
        break;
      }
      case "answered":
        return endAnswered(part, heard.answer);
      case "over":
        return { kind: "let_go", reason: heard.reason };
    }
  }
}

/** The update is in the sum, and the client has said what takes the masks off. */
async function endAnswered({ room, record }: Part, answer: ContributionAnswer): Promise<RoundOutcome> {
  room.tell({ type: "answered", round: record.offer.round, answer });
  await room.shelf.write({ ...record, answer: "over" });
  return { kind: "answered", answer };
}

/** Trains, masks, and uploads. @returns how the round is over for this client; undefined: its update is there */
async function contributeMasked(part: Part, given: WholeVector | null): Promise<RoundOutcome | undefined> {
  const { room, record, own, settings, random, beganMs } = part;
  const { client, task, now } = room;
  const { offer } = record;
  const { round } = offer;
  const agreed = { name: "agree", endMs: now() };
  const vectors = await fetchValues(room, offer, given);
  if (vectors === undefined) return { kind: "let_go", reason: "its values are not there any more" };
  const fetched = { name: "download", endMs: now(), attributes: { encoding: offer.down } };
  const result = await trainAttended(room, record, { values: vectors.values, control: undefined });
  if (result.personal !== null) await room.personal.keep(round, result.personal);
  const trained = { name: "train", endMs: now() };
  const { lattice, bits } = settings;
  const content = await maskUpdate(result, { lattice, bits, random, mask: (values) => own.mask(values) });
  const masked = { name: "mask", endMs: now(), attributes: { encoding: maskedEncoding } };
  const contribution = {
    ...{ id: contributionId(client, task.task, round), task: task.task, round, client, baseVersion: offer.version },
    ...{ ...unsaid, encoding: maskedEncoding, content: describeVector(content) },
  };
  return upload(room, content, { contribution, trace: traceOf(offer, beganMs, [agreed, fetched, trained, masked]) });
}

interface MaskedOffer {
  readonly contribution: ContributionOffer;
  readonly trace: ClientTrace | null;
}

async function upload(
  room: RoundRoom,
  content: Uint8Array,
  { contribution: offer, trace }: MaskedOffer,
): Promise<RoundOutcome | undefined> {
  const { plane, signal, tell } = room;
  const atOnce = isSentAtOnce(offer.content) ? content : null;
  for (;;) {
    const reply = await plane.ask({ type: "offer_contribution", offer, trace, content: atOnce }, signal);
    if (reply.type === "noted") return undefined;
    if (reply.type === "gone") return { kind: "let_go", reason: reply.reason };
    const answer =
      reply.type === "answered"
        ? reply.answer
        : reply.type === "send_chunks"
          ? await sendChunks(room, offer, content, reply)
          : undefined;
    // It is all there, or has been lost meanwhile: the offer is answered with which.
    if (answer === undefined) continue;
    if (answer.kind !== "come_back") {
      tell({ type: "answered", round: offer.round, answer });
      return { kind: "let_go", reason: `its masked update was not taken (${answer.kind})` };
    }
    await plane.sleep(answer.comeBackAfterMs, signal);
  }
}
