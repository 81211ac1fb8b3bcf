/** Answers what clients ask. */
import { ShoalError } from "@shoal/errors";
import { isTrusted, type ClientReply, type ClientRequest, type Device } from "@shoal/federated";
import { payForContribution } from "../rounds/contribution-privacy.ts";
import { offerContribution, takeChunk } from "./take-contribution.ts";
import { comeBackAfter, leaseFactor, type Room } from "./room.ts";
import { choose, membersOf, nameOf, offerFor, valuesAtOnce } from "./round-offer.ts";

/** @throws ShoalError codec_failed; cancelled, stale_term - another aggregator serves the task */
export async function serveClient(room: Room, client: string, request: ClientRequest): Promise<ClientReply> {
  const { registry, clock, values } = room;
  if (request.type !== "check_in") hearOf(room, client);
  switch (request.type) {
    case "check_in":
      return checkIn(room, client, request.device);
    case "answer_offer":
      return answerOffer(room, client, request);
    case "fetch_manifest": {
      room.last.askedAtMs = clock.now();
      const described = values.describe(request.round, request.encoding);
      if (described === undefined) return gone(`round ${request.round} is over`);
      return { type: "manifest", ...described };
    }
    case "fetch_chunk": {
      room.last.askedAtMs = clock.now();
      const content = values.chunk(request.hash, request.index);
      if (content === undefined) return gone("these values are not here any more");
      room.traffic.down += content.length;
      return { type: "chunk", content };
    }
    case "offer_contribution":
      return offerContribution(room, client, request);
    case "put_chunk":
      return takeChunk(room, client, request);
    case "leave":
      registry.leave(client);
      dropFrom(room, client, `it left: ${request.reason}`);
      return { type: "noted" };
    case "report_evaluation":
      // Only who is in the round has been asked.
      if (isIn(room, client, request.round)) room.evaluations.add(client, request);
      return { type: "noted" };
    case "secure_message":
      if (room.secure !== null) return room.secure.hear(client, request);
      throw new ShoalError("invalid_argument", "this task does not mask its contributions", { field: "type" });
  }
}

/** Who had let an offer run out may be drawn again. */
function hearOf({ registry, clock, noteAvailable }: Room, client: string): void {
  const { resting } = registry;
  registry.touch(client, clock.now());
  if (registry.resting < resting) noteAvailable();
}

async function checkIn(room: Room, client: string, device: Device): Promise<ClientReply> {
  const { registry, clock, description, keeper, settings } = room;
  const nowMs = clock.now();
  const refusal = unfit(room, device);
  const { over, model } = room.last;
  // Who has missed the notice hears the same.
  if (over !== undefined) return { type: "turned_away", reason: over, comeBackAfterMs: 0, isFinal: true, over: model };
  if (refusal !== undefined) return { type: "turned_away", reason: refusal, comeBackAfterMs: 0, isFinal: true };
  const standing = registry.standing(client);
  if (!isTrusted(standing, nowMs)) {
    const comeBackAfterMs = standing.quarantinedUntilMs - nowMs;
    const reason = "too many of its contributions were refused";
    return { type: "turned_away", reason, comeBackAfterMs, isFinal: false };
  }
  const comeBackAfterMs = Math.max(comeBackAfter(room), registry.declinesFor(client, nowMs));
  const leaseMs = Math.max(settings.leaseMs, leaseFactor * comeBackAfterMs);
  registry.checkIn(client, device, nowMs, leaseMs);
  registry.setBusy(
    client,
    membersOf(keeper.record.round).some((member) => member.client === client),
  );
  room.noteAvailable();
  // K1: an offer leaves when it is in the store, with this answer as with a notice. Its trace has begun then, too.
  if (offerFor(room, client) !== undefined) await keeper.written();
  const offer = offerFor(room, client) ?? null;
  if (offer !== null && offer.answerWithinMs > 0) registry.asked(client, nowMs);
  return { type: "checked_in", task: description, leaseMs, comeBackAfterMs, offer };
}

/** Why a device cannot take part, ever. */
function unfit({ description }: Room, device: Device): string | undefined {
  if (device.memoryBytes < description.memoryBytes) {
    return `training takes ${description.memoryBytes} bytes, the device has ${device.memoryBytes}`;
  }
  if (device.samples < 1) return "the device has no samples";
  if (choose(description.down, device) === undefined || choose(description.up, device) === undefined) {
    const [down, up] = [description.down, description.up].map((specs) => specs.map(nameOf).join(", "));
    return `the task sends ${down} and takes ${up}; the device has ${device.encodings.join(", ")}`;
  }
  return undefined;
}

type AnswerToOffer = Extract<ClientRequest, { readonly type: "answer_offer" }>;

async function answerOffer(room: Room, client: string, answer: AnswerToOffer): Promise<ClientReply> {
  const { keeper, settings, clock, traces } = room;
  const { round, takesPart } = answer;
  // An answer that comes late is to another round: it must not take the client out of this one, nor into it.
  if (!isIn({ keeper }, client, round)) return notIn;
  traces.answered(client, round, clock.now());
  if (!takesPart) return decline(room, client, answer);
  if (!payForContribution(room, client)) {
    dropFrom(room, client, "its contributions would come to more than the privacy budget");
    await keeper.written();
    return notIn;
  }
  keeper.dispatch({ type: "confirm", client });
  await keeper.written();
  const member = membersOf(keeper.record.round).find((each) => each.client === client);
  if (member === undefined) return notIn;
  const { reportingTimeoutMs: reportWithinMs } = settings.plan;
  return { type: "offer_noted", isMember: true, reportWithinMs, values: valuesAtOnce(room, client) };
}

/** Before another takes its place, it rests. */
async function decline(
  room: Room,
  client: string,
  { round, reason, lostControl }: AnswerToOffer,
): Promise<ClientReply> {
  const { keeper, clock, traces, registry } = room;
  // The next round begins with controls that it has.
  const isMended = lostControl === true && room.control?.lost() === true;
  traces.ended(client, round, "declined", clock.now());
  if (!isMended && !isCounted(room, client)) restAfterDecline(room, client);
  dropFrom(room, client, `it declined: ${reason}`);
  await keeper.written();
  const { leaseMs = 0 } = registry.find(client) ?? {};
  const comeBackAfterMs = Math.min(registry.declinesFor(client, clock.now()), leaseMs / leaseFactor);
  return { ...notIn, ...(comeBackAfterMs > 0 && { comeBackAfterMs }) };
}

/**
 * Not where privacy counts on a population: the others would be drawn with a greater chance than the accountant was told, or
 * would have to wait for it.
 */
function restAfterDecline({ registry, rests, settings, clock }: Room, client: string): void {
  if ((settings.privacy?.population ?? null) !== null) return;
  registry.decline(client, clock.now());
  rests.look();
}

const notIn = { type: "offer_noted", isMember: false, reportWithinMs: 0, values: null } as const;

/** Its masked update is in the sum. */
function isCounted({ secure, keeper }: Room, client: string): boolean {
  return secure?.wants(client, keeper.record.round.number) === "here";
}

/** Whose masked update is in the sum stays in the round, though nothing more comes from it. */
function dropFrom(room: Room, client: string, reason: string): void {
  const { secure, keeper, timeline, clock } = room;
  const { round } = keeper.record;
  const stays = isCounted(room, client);
  const isMember = membersOf(round).some((each) => each.client === client);
  if (isMember && !stays) timeline.dropped(client, reason, clock.now());
  secure?.left(client);
  if (!stays) keeper.dispatch({ type: "drop", client });
}

function isIn({ keeper }: Pick<Room, "keeper">, client: string, round: number): boolean {
  return membersOf(keeper.record.round).some((each) => each.client === client && each.sinceRound === round);
}

function gone(reason: string): ClientReply {
  return { type: "gone", reason };
}
