/** From the offer of a contribution to its one answer. */
import { ShoalError } from "@shoal/errors";
import {
  checkManifest,
  comeBackAfterMs,
  decideAdmission,
  decideFold,
  decideOffer,
  isEnded,
  isPrivate,
  unsaid,
  vectorsTogether,
  vectorWithin,
  isSentAtOnce,
  maskedBytes,
  maskedEncoding,
  planLattice,
  type ClientReply,
  type ClientRequest,
  type ClientTrace,
  type ContributionAnswer,
  type ContributionOffer,
  type RejectionCause,
  type RoundEffect,
} from "@shoal/federated";
import { attributes } from "@shoal/protocol";
import { stepsOf } from "../commit/combine-round.ts";
import { factsOf, mixesModels } from "../commit/contribution-facts.ts";
import type { StoredContribution } from "../contributions/contribution-store.ts";
import type { SecureSums } from "../secure/secure-sums.ts";
import { holdAgainstClient } from "../population/hold-against.ts";
import { mostOutcomes } from "../keeper/task-record.ts";
import { comeBackAfter, versionOf, type Room } from "./room.ts";
import { membersOf } from "./round-offer.ts";

/** Chunks that a client may have on their way. */
const window = 4;
/**
 * Norm that is admitted where the task names none. The square of an element stays a number in float32, in which adaptive server
 * optimisers keep it: one such update would otherwise stand in their state for ever.
 */
const greatestNorm = 1e18;

/** What is small comes with its offer, and is answered at once. */
export async function offerContribution(room: Room, client: string, offered: Offered): Promise<ClientReply> {
  const { content } = offered;
  // What is not asked for is not kept, not counted and in no record, whatever a client says.
  const isSilent = isPrivate(room.description.privacy);
  const offer = isSilent ? { ...offered.offer, ...unsaid } : offered.offer;
  const trace = isSilent ? withoutFigures(offered.trace) : offered.trace;
  const reply = considerOffer(room, client, { ...offered, offer, trace });
  const isWhole = reply.type === "send_chunks" && content !== null && isSentAtOnce(offer.content);
  return isWhole ? takeChunk(room, client, { id: offer.id, index: 0, content }) : reply;
}

type Offered = Extract<ClientRequest, { readonly type: "offer_contribution" }>;

/** What is left says when a stage was, and in which encoding. */
function withoutFigures(trace: ClientTrace | null): ClientTrace | null {
  if (trace === null) return null;
  const spans = trace.spans.map((span) => {
    const { encoding } = span.attributes;
    return { ...span, attributes: typeof encoding === "string" ? { encoding } : {} };
  });
  return { ...trace, spans };
}

function considerOffer(room: Room, client: string, { offer, trace }: Offered): ClientReply {
  const { keeper, settings, registry, clock, contributions } = room;
  const { round, outcomes } = keeper.record;
  const known = outcomes.findLast(([id]) => id === offer.id)?.[1];
  const decision = decideOffer(offer, {
    ...{ task: room.task, client, currentRound: round.number, maximumStaleness: settings.plan.maximumStaleness },
    versionOf: (number) => versionOf(room, number),
    isMember: membersOf(round).some((member) => member.client === client && member.sinceRound === offer.round),
    known: known === undefined ? undefined : known ? "accepted" : "rejected",
    bytesOf: (encoding) => bytesIn(room, encoding),
    ...{ standing: registry.standing(client), nowMs: clock.now(), comeBackAfterMs: comeBackAfter(room) },
  });
  if (decision.kind === "answer") return { type: "answered", answer: decision.answer };
  // A second contribution to a round that is over for this client, or that ended while it trained.
  if (isEnded(round) && !settings.plan.carriesOver) return answered(stale(room));
  if (!isBaseKnown(room, offer.baseVersion)) return answered(stale(room));
  const masked = room.secure?.wants(client, offer.round);
  if (masked === "here") return { type: "noted" };
  if (masked === "no") return answered(stale(room));
  try {
    checkManifest(offer.content);
  } catch (error) {
    return answered(rejected(room, "bad_offer", ShoalError.from(error).message));
  }
  if (trace !== null) room.traces.told(client, offer.round, trace, clock.now());
  const begun = contributions.begin(offer, clock.now());
  if (begun.kind === "receive") return { type: "send_chunks", received: begun.received.bits, window };
  const { reason } = begun;
  return answered(
    begun.isClients ? rejected(room, "no_room", reason) : { kind: "come_back", reason, comeBackAfterMs: soon(room) },
  );
}

/** Bytes of a contribution. */
function bytesIn({ codecs, settings }: Room, encoding: string): number | undefined {
  if (settings.secure !== null) {
    const { bits } = planLattice(settings.secure.task.lattice);
    return encoding === maskedEncoding ? maskedBytes(codecs.size, { bits }) : undefined;
  }
  const bytes = encoding in settings.up ? codecs.bytesOf(encoding) : undefined;
  return bytes === undefined ? undefined : bytes * vectorsTogether(settings.local);
}

/** Models are mixed only where it is known what they began with: not after a take-over. */
function isBaseKnown({ settings, values, keeper }: Room, baseVersion: number): boolean {
  const present = keeper.record.versions.at(-1)?.[1];
  return !mixesModels(settings.policy) || baseVersion === present || values.valuesOf(baseVersion) !== undefined;
}

/** The last chunk is answered with what has become of the contribution. */
export async function takeChunk(
  room: Room,
  client: string,
  { id, index, content }: { readonly id: string; readonly index: number; readonly content: Uint8Array },
): Promise<ClientReply> {
  const { contributions, clock } = room;
  const outcome = contributions.put(client, id, index, content, clock.now());
  room.traffic.up += content.length;
  switch (outcome.kind) {
    case "kept":
      return { type: "chunk_kept" };
    case "unknown":
      return { type: "gone", reason: "nobody waits for this contribution; offer it again" };
    case "damaged":
      // The line checks its bytes: this is no accident.
      holdAgainstClient(room, client);
      await room.keeper.written();
      return answered(rejected(room, "damaged", `chunk ${index} is not what was announced`));
    case "complete":
      traceUpload(room, outcome.contribution);
      if (room.secure !== null) return takeMasked(room, room.secure, outcome.contribution);
      return answered(await admit(room, outcome.contribution));
  }
}

function traceUpload({ traces, clock }: Room, { offer }: StoredContribution): void {
  const own = { [attributes.encoding]: offer.encoding, [attributes.bytesAfter]: offer.content.bytes };
  traces.uploaded(offer.client, offer.round, clock.now(), own);
}

/** Adds a masked update to the sum: what is in it cannot be looked at. Of the contribution its name is kept. */
async function takeMasked(room: Room, secure: SecureSums, contribution: StoredContribution): Promise<ClientReply> {
  const { contributions, clock, traces } = room;
  const { offer } = contribution;
  const { client, round } = offer;
  const beginMs = clock.now();
  try {
    const isAdded = secure.add(contribution);
    traces.worked(client, round, { name: "admit", beginMs, endMs: clock.now() });
    if (!isAdded) return answered(stale(room));
  } catch (error) {
    traces.worked(client, round, { name: "admit", beginMs, endMs: clock.now() });
    traces.ended(client, round, "rejected: damaged", clock.now());
    holdAgainstClient(room, client);
    secure.left(client);
    room.keeper.dispatch({ type: "drop", client });
    await room.keeper.written();
    return answered(rejected(room, "damaged", ShoalError.from(error).message));
  }
  room.registry.tookPart(client);
  const content = { ...offer.content, chunkHashes: new Uint8Array() };
  contributions.accept({ offer: { ...offer, samples: 0, loss: 0, content }, content: new Uint8Array() });
  return { type: "noted" };
}

/** Looks a complete contribution over and reports it to the round; the answer leaves when that is in the store. */
async function admit(room: Room, contribution: StoredContribution): Promise<ContributionAnswer> {
  const { offer } = contribution;
  const { keeper, contributions, registry, clock } = room;
  const { client, id } = offer;
  const beginMs = clock.now();
  const refusal = judge(room, contribution);
  const said = { [attributes.samples]: offer.samples, [attributes.loss]: offer.loss };
  const own = isPrivate(room.description.privacy) ? {} : { attributes: said };
  room.traces.worked(client, offer.round, { name: "admit", beginMs, endMs: clock.now(), ...own });
  if (refusal !== undefined) {
    holdAgainstClient(room, client);
    room.timeline.dropped(client, refusal.reason, clock.now());
    room.traces.ended(client, offer.round, `rejected: ${refusal.cause}`, clock.now());
    remember(room, offer, false);
    keeper.dispatch({ type: "drop", client });
    await keeper.written();
    return refusal;
  }
  // Its round may have ended while it came, and the client be in another one: that awaits another contribution.
  const isAwaited = membersOf(keeper.record.round).some(
    (each) => each.client === client && each.sinceRound === offer.round,
  );
  const isHere = contributions.has(id);
  if (!isAwaited && !isHere) {
    await keeper.written();
    return stale(room);
  }
  // Two uploads of one contribution may have been under way.
  if (isHere) return { kind: "duplicate", accepted: true, comeBackAfterMs: comeBackAfter(room) };
  contributions.accept(contribution);
  const { effects } = keeper.dispatch({ type: "report", client, contribution: id });
  const verdict = effects.find((effect) => isVerdict(effect, id));
  if (verdict?.type !== "accept_report") {
    contributions.drop([id]);
    // Another aggregator may have taken over: then it is asked, not this one.
    await keeper.written();
    return verdict?.type === "refuse_report" && verdict.kind === "duplicate"
      ? { kind: "duplicate", accepted: true, comeBackAfterMs: comeBackAfter(room) }
      : stale(room);
  }
  remember(room, offer, true);
  room.control?.count(client);
  registry.setBusy(client, false);
  registry.tookPart(client);
  await keeper.written();
  const weight = Math.min(offer.samples, room.settings.sampleCap);
  return { kind: "accepted", weight, comeBackAfterMs: comeBackAfter(room) };
}

/** @returns why a contribution is refused; undefined when it is admitted */
function judge(room: Room, { offer, content }: StoredContribution): Rejected | undefined {
  const { codecs, settings } = room;
  const update = new Float32Array(codecs.size);
  const { normBound, sampleCap, local } = settings;
  const together = vectorsTogether(local);
  // Backwards, so that what is left in `update` is the update: a bound on its norm says nothing of a control's change.
  for (let part = together - 1; part >= 0; part -= 1) {
    try {
      codecs.decode(offer.encoding, vectorWithin(content, part, together), update);
    } catch (error) {
      return rejected(room, "damaged", ShoalError.from(error).message);
    }
    const limits = { size: codecs.size, normBound: part === 0 ? (normBound ?? greatestNorm) : greatestNorm, sampleCap };
    const admission = decideAdmission(update, offer.samples, limits);
    if (admission.kind === "reject") {
      const what = part === 0 ? "" : "the change of its control: ";
      return rejected(room, admission.cause, `${what}${admission.reason}`);
    }
  }
  // With noise all count alike, and by a robust rule by their updates: only a policy looks at what a client says of itself.
  if (settings.privacy !== null || settings.robust !== null) return undefined;
  const { policy } = settings;
  const facts = factsOf({ policy, local: stepsOf(settings) }, offer, update);
  const fold = decideFold(policy, facts, { version: offer.baseVersion, folded: 0 });
  return fold.kind === "refuse" && fold.cause === "unusable" ? rejected(room, "bad_offer", fold.reason) : undefined;
}

function isVerdict(effect: RoundEffect, id: string): boolean {
  return (effect.type === "accept_report" || effect.type === "refuse_report") && effect.contribution === id;
}

function remember({ keeper }: Room, { id, round }: ContributionOffer, isAccepted: boolean): void {
  keeper.amend({ outcomes: [...keeper.record.outcomes, [id, isAccepted, round] as const].slice(-mostOutcomes) });
}

type Rejected = Extract<ContributionAnswer, { readonly kind: "rejected" }>;

function rejected(room: Room, cause: RejectionCause, reason: string): Rejected {
  return { kind: "rejected", cause, reason: reason.slice(0, 1_000), comeBackAfterMs: comeBackAfter(room) };
}

function stale(room: Room): ContributionAnswer {
  return { kind: "stale", nextRound: room.keeper.record.round.number + 1, comeBackAfterMs: comeBackAfter(room) };
}

/** They were told the same, and do not come at the same moment. */
function soon({ settings, random }: Room): number {
  const { soonMs } = settings.pace;
  return comeBackAfterMs({ earliestMs: soonMs, latestMs: 2 * soonMs }, random.uniform());
}

function answered(answer: ContributionAnswer): ClientReply {
  return { type: "answered", answer };
}
