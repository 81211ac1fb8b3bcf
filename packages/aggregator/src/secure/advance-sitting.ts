/** What a secure sum asks for after each event, carried out: messages to clients, the round's part, masks taken off. */
import {
  advanceSecureSum,
  createUnmasker,
  encodeSecureMessage,
  nextSecureDeadline,
  type AdvertisedKeys,
  type LostSecret,
  type Roster,
  type SecureServerMessage,
  type ServerEffect,
  type ServerEvent,
  type ServerState,
  type ServerStep,
} from "@shoal/federated";
import { ShoalError } from "@shoal/errors";
import { abandon } from "../rounds/end-round.ts";
import { payForUpdate } from "../rounds/privacy-ledger.ts";
import { comeBackAfter, type Room } from "../serve/room.ts";
import { membersOf } from "../serve/round-offer.ts";
import type { SecureAggregation } from "../settings.ts";
import { presentIn, silenceIn, type Sitting } from "./sitting.ts";

export interface Sums {
  readonly settings: SecureAggregation;
  readonly subtle: SubtleCrypto;
  readonly room: () => Room;
  current: Sitting | undefined;
  /** Of the newest round whose masks are off: who hears of it late was in it all the same. */
  last: { readonly round: number; readonly survivors: ReadonlySet<string> } | undefined;
  /** Keys that came before the cohort was known. */
  early: { readonly round: number; readonly keys: Map<string, AdvertisedKeys> };
}

export function drop(own: Sums): void {
  own.current?.timer?.cancel();
  own.current = undefined;
}

export function advance(own: Sums, sitting: Sitting, event: ServerEvent): ServerStep {
  const { timeline, clock } = own.room();
  const before = sitting.state;
  const step = advanceSecureSum(before, event, clock.now());
  sitting.state = step.state;
  // Who is refused is out for that reason, and not because the stage went on without it.
  for (const effect of step.effects) if (isAboutOne(effect)) carryOut(own, sitting, effect);
  if (step.state.phase !== before.phase) {
    timeline.staged(step.state.phase, clock.now());
    if (step.state.phase === "unmasking") sitting.maskedAtMs = clock.now();
    leaveOut(own, sitting, before);
    // With those who were left out the round may have lost too many.
    if (!isOpen(own, sitting)) return step;
  }
  for (const effect of step.effects) if (!isAboutOne(effect)) carryOut(own, sitting, effect);
  arm(own, sitting);
  return step;
}

const isAboutOne = ({ type }: ServerEffect): boolean => type === "refuse" || type === "accuse";

/** The timer of its stage. */
export function arm(own: Sums, sitting: Sitting): void {
  const { clock } = own.room();
  sitting.timer?.cancel();
  const due = nextSecureDeadline(sitting.state);
  if (due === undefined || own.current !== sitting) return;
  sitting.timer = clock.after(Math.max(0, due - clock.now()), () => advance(own, sitting, { type: "tick" }));
}

/** V1 */
function leaveOut(own: Sums, sitting: Sitting, before: ServerState): void {
  const present = presentIn(sitting.state);
  if (present === undefined) return;
  const members = membersOf(own.room().keeper.record.round).map(({ client }) => client);
  for (const client of presentIn(before) ?? members) {
    if (!present.includes(client)) letGo(own, sitting, client, silenceIn(before.phase));
  }
}

function letGo(own: Sums, { round }: Sitting, client: string, reason: string): void {
  const room = own.room();
  const { timeline, clock, keeper, registry, plane, traces } = room;
  timeline.dropped(client, reason, clock.now());
  traces.ended(client, round, reason, clock.now());
  keeper.dispatch({ type: "drop", client });
  registry.setBusy(client, false);
  plane.tell(client, {
    ...{ type: "round_over", round, reason: reason.slice(0, 1_000), comeBackAfterMs: comeBackAfter(room) },
  });
}

function carryOut(own: Sums, sitting: Sitting, effect: ServerEffect): void {
  switch (effect.type) {
    case "send_roster":
      tell(own, sitting, effect.to, { type: "roster", roster: effect.roster });
      return;
    case "send_shares":
      tell(own, sitting, [effect.to], { type: "shares", shares: effect.shares });
      return;
    case "send_request":
      if (sitting.isPaid) tell(own, sitting, effect.to, { type: "request", request: effect.request });
      else void payFirst(own, sitting);
      return;
    case "unmask":
      void takeMasksOff(own, sitting, effect);
      return;
    case "refuse":
      if (sitting.added.has(effect.client)) return; // its vector counts, whatever else it says
      letGo(own, sitting, effect.client, effect.reason);
      if (isOpen(own, sitting) && !isGone(sitting.state, effect.client)) {
        advance(own, sitting, { type: "left", client: effect.client });
      }
      return;
    case "accuse":
      accuse(own, effect);
      return;
    case "abort":
      giveUp(own, sitting, effect.reason, effect.lost);
  }
}

/** Its vector counts, if it is in the sum; the record names it all the same. */
function accuse(own: Sums, { client, reason, isFatal }: Omit<Extract<ServerEffect, { type: "accuse" }>, "type">): void {
  const { registry, timeline, clock } = own.room();
  registry.holdAgainst(client, clock.now(), isFatal);
  timeline.dropped(client, reason, clock.now());
}

function isGone(state: ServerState, client: string): boolean {
  return !("gone" in state) || state.gone.includes(client);
}

function tell(own: Sums, { round }: Sitting, clients: readonly string[], message: SecureServerMessage): void {
  const { plane, traffic } = own.room();
  const body = encodeSecureMessage(message);
  for (const client of clients) {
    traffic.down += body.length;
    plane.tell(client, { type: "secure_notice", round, stage: message.type, body });
  }
}

/** V2: the sum may be seen from here on. */
function payFirst(own: Sums, sitting: Sitting): Promise<void> {
  sitting.paying ??= payForUpdate(own.room()).then(
    () => {
      sitting.isPaid = true;
      const { state } = sitting;
      if (state.phase !== "unmasking" || !isOpen(own, sitting)) return;
      tell(own, sitting, presentIn(state) ?? [], { type: "request", request: state.request });
    },
    (error: unknown) => giveUp(own, sitting, ShoalError.from(error).message),
  );
  return sitting.paying;
}

async function takeMasksOff(
  own: Sums,
  sitting: Sitting,
  { roster, session, unmasking }: Extract<ServerEffect, { type: "unmask" }>,
): Promise<void> {
  const { agreed: settings, sum, added } = sitting;
  try {
    const site = { subtle: own.subtle, settings, roster, session: new Uint8Array(session) };
    await sum.unmask(await createUnmasker(site, unmasking));
    const mean = sum.mean(added.size, own.settings.expected);
    if (!isOpen(own, sitting)) return;
    sitting.mean = mean;
  } catch (error) {
    giveUpMasks(own, sitting, roster, ShoalError.from(error));
    return;
  }
  report(own, sitting);
}

/** The error numbers the client as all know it who are in the sum: they hear that of nobody. */
function giveUpMasks(own: Sums, sitting: Sitting, roster: Roster, { message, details }: ShoalError): void {
  const client = typeof details["client"] === "number" ? roster[details["client"]]?.client : undefined;
  if (client === undefined) return giveUp(own, sitting, message);
  if (isOpen(own, sitting)) {
    accuse(own, { client, reason: "the shares that it dealt do not give its secret", isFatal: true });
  }
  giveUp(own, sitting, "the shares that a client dealt do not give its secret");
}

/** V1: the round commits with the last of them. */
function report(own: Sums, sitting: Sitting): void {
  const { keeper, registry, traces, clock } = own.room();
  const { added, round } = sitting;
  const endMs = clock.now();
  const work = { name: "unmask", beginMs: sitting.maskedAtMs ?? endMs, endMs } as const;
  for (const client of added.keys()) traces.worked(client, round, work);
  own.last = { round, survivors: new Set(added.keys()) };
  // Before they are offered another round: some are about to say what is not needed any more.
  tell(own, sitting, [...added.keys()], { type: "over", reason: "the sum is there" });
  for (const { client } of membersOf(keeper.record.round)) {
    if (!added.has(client)) keeper.dispatch({ type: "drop", client });
  }
  for (const [client, contribution] of added) {
    registry.setBusy(client, false);
    keeper.dispatch({ type: "report", client, contribution });
  }
}

/** @param reason - all clients hear it: it names none of them @param lost - stands in the record */
function giveUp(own: Sums, sitting: Sitting, reason: string, lost?: LostSecret): void {
  if (!isOpen(own, sitting)) return;
  const { keeper, contributions, timeline, clock } = own.room();
  if (lost !== undefined) timeline.dropped(lost.client, lost.why, clock.now());
  contributions.drop([...sitting.added.values()]);
  keeper.adopt(abandon(own.room(), `no secure sum: ${reason}`));
  drop(own);
}

function isOpen(own: Sums, sitting: Sitting): boolean {
  const { round } = own.room().keeper.record;
  return own.current === sitting && round.number === sitting.round && round.phase === "reporting";
}
