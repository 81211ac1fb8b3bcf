/**
 * The server of a secure sum as a state machine.
 *
 *   advertising ─▶ sharing ─▶ masking ─▶ unmasking ─▶ summed
 *        └────────────┴──────────┴───────────┴──────▶ aborted
 *
 * Invariants
 *   T1  every event re-evaluates the deadline, so a stage ends with the first event at or after it.
 *   T2  a stage ends early when everybody who is left in it has answered; unmasking when every secret can be joined.
 *   T3  the sum is of at least `minimumClients`, and of exactly those whose masked vector was there when masking ended.
 *   T4  a message that is wrong takes its sender out, a repeated one is answered again, a late one is refused; no message
 *       of one client can end the sum of the others while enough of them are left.
 *   T5  a revealed share that is not the dealt one is not used, and held against who revealed it.
 * Source  Bonawitz et al., CCS 2017; Bell et al., CCS 2020.
 */
import { publicKeyBytes, secretBytes } from "./key-agreement.ts";
import { maximumClients, type SealedShares, type UnmaskingAnswer } from "./messages.ts";
import { sealedBytes } from "./sealed-share.ts";
import { hashBytes, isAsDealt } from "./share-hash.ts";
import {
  among,
  endAdvertising,
  endMasking,
  endSharing,
  endUnmasking,
  firstMissing,
  nameOf,
  sendShares,
} from "./server-stages.ts";
import type {
  AdvertisingState,
  CollectedShare,
  MaskingState,
  OpenServerState,
  ServerEvent,
  ServerState,
  ServerStep,
  SessionState,
  SharingState,
  SecureSumPlan,
  UnmaskingState,
} from "./server-state.ts";
import { shareBytes } from "./shamir.ts";

/** @throws RangeError when the plan contradicts itself */
export function startSecureSum(plan: SecureSumPlan, nowMs: number): AdvertisingState {
  const { minimumClients, invited, stageTimeoutMs, maskingTimeoutMs = stageTimeoutMs, bits } = plan;
  const isWhole = [minimumClients, invited, bits].every(Number.isSafeInteger);
  if (!isWhole || minimumClients < 3 || invited < minimumClients || invited > maximumClients) {
    throw new RangeError(
      `expected 3 ≤ minimumClients ≤ invited ≤ ${maximumClients}, got ${minimumClients} and ${invited}`,
    );
  }
  if (bits < 1 || bits > 32) throw new RangeError(`bits must be 1 … 32, got ${bits}`);
  for (const [name, ms] of Object.entries({ stageTimeoutMs, maskingTimeoutMs })) {
    if (!(ms > 0) || ms === Infinity) throw new RangeError(`${name} must be positive, got ${ms}`);
  }
  return { phase: "advertising", plan, gone: [], keys: [], deadlineMs: nowMs + stageTimeoutMs };
}

/** When the sum must be looked at again, at the latest; undefined when it has ended. */
export function nextSecureDeadline(state: ServerState): number | undefined {
  return isOpen(state) ? state.deadlineMs : undefined;
}

/** Takes one event; also ends what is over by `nowMs`. Pure: the caller carries out the effects. */
export function advanceSecureSum(state: ServerState, event: ServerEvent, nowMs: number): ServerStep {
  if (!isOpen(state)) return late(state, event);
  if (nowMs >= state.deadlineMs) {
    const ended = endStage(state, nowMs);
    if (event.type === "tick") return ended;
    const then = advanceSecureSum(ended.state, event, nowMs);
    return { ...then, effects: [...ended.effects, ...then.effects] };
  }
  const step = take(state, event);
  return isOpen(step.state) && isComplete(step.state) ? followed(step, endStage(step.state, nowMs)) : step;
}

const isOpen = (state: ServerState): state is OpenServerState => state.phase !== "summed" && state.phase !== "aborted";
const followed = (first: ServerStep, second: ServerStep): ServerStep => ({
  ...second,
  effects: [...first.effects, ...second.effects],
});

function endStage(state: OpenServerState, nowMs: number): ServerStep {
  switch (state.phase) {
    case "advertising":
      return endAdvertising(state, nowMs);
    case "sharing":
      return endSharing(state, nowMs);
    case "masking":
      return endMasking(state, nowMs);
    case "unmasking":
      return endUnmasking(state);
  }
}

/** T2 */
function isComplete(state: OpenServerState): boolean {
  if (state.phase === "advertising") return state.keys.length + state.gone.length >= state.plan.invited;
  if (state.phase === "unmasking" && firstMissing(state) === undefined) return true;
  return waitedFor(state).length === 0;
}

/** Clients that the present stage waits for, by name; of those who may still come nobody knows the names. */
export function waitedFor(state: ServerState): readonly string[] {
  if (!isOpen(state) || state.phase === "advertising") return [];
  const done = new Set(doneOf(state));
  const expected = expectedOf(state);
  return expected
    .filter((client) => !done.has(client))
    .map((client) => nameOf(state, client))
    .filter((name) => !state.gone.includes(name));
}

function expectedOf(state: SessionState): readonly number[] {
  if (state.phase === "sharing") return state.roster.map((_, client) => client);
  return state.phase === "masking" ? state.shared : state.request.survivors;
}

function doneOf(state: SessionState): readonly number[] {
  if (state.phase === "sharing") return state.shared;
  return state.phase === "masking" ? state.masked : state.answered;
}

function take(state: OpenServerState, event: ServerEvent): ServerStep {
  switch (event.type) {
    case "keys":
      return takeKeys(state, event);
    case "shares":
    case "masked":
    case "answer":
      return state.phase === "advertising"
        ? refuse(state, event.client, "nobody has shared secrets yet")
        : takeFromMember(state, event);
    case "left":
      return goneFrom(state, event.client, `${event.client} has left`);
    case "tick":
      return nothing(state, "nothing has happened");
  }
}

function takeKeys(state: OpenServerState, { keys }: Extract<ServerEvent, { type: "keys" }>): ServerStep {
  const { client, maskKey, sealKey } = keys;
  if (state.phase !== "advertising") {
    const isMember = state.roster.some((entry) => entry.client === client && isSame(entry.maskKey, maskKey));
    if (!isMember) return refuse(state, client, "the roster is closed");
    if (state.phase !== "sharing") return nothing(state, "keys came again");
    return { state, effects: [{ type: "send_roster", to: [client], roster: state.roster }], reason: "keys came again" };
  }
  const known = state.keys.find((entry) => entry.client === client);
  if (known !== undefined) {
    return isSame(known.maskKey, maskKey)
      ? nothing(state, "keys came again")
      : refuse(state, client, "other keys are known of it");
  }
  const length = publicKeyBytes[state.plan.curve];
  if (maskKey.length !== length || sealKey.length !== length || keys.seedHash.length !== hashBytes) {
    return refuse(state, client, `keys have ${length} bytes, the hash of a seed ${hashBytes}`);
  }
  if (state.gone.includes(client)) return refuse(state, client, "it has left");
  const isTaken = state.keys.some((entry) =>
    [entry.maskKey, entry.sealKey].some((key) => isSame(key, maskKey) || isSame(key, sealKey)),
  );
  if (isTaken || isSame(maskKey, sealKey)) return refuse(state, client, "a key of it is known already"); // clients refuse such a roster
  return nothing({ ...state, keys: [...state.keys, keys] }, `${client} has come`);
}

type MemberEvent = Extract<ServerEvent, { type: "shares" | "masked" | "answer" }>;

function takeFromMember(state: SessionState, event: MemberEvent): ServerStep {
  const self = state.roster.findIndex(({ client }) => client === event.client);
  if (self < 0 || state.gone.includes(event.client)) return refuse(state, event.client, "it is no client of this sum");
  if (event.type === "shares") {
    if (state.phase === "sharing") return takeShares(state, self, event.shares);
    const isIn = state.phase === "masking" && state.shared.includes(self);
    return isIn
      ? { state, effects: [sendShares(state, self)], reason: "shares came again" }
      : refuse(state, event.client, "shares came too late");
  }
  if (event.type === "masked") {
    if (state.phase === "masking") return takeMasked(state, self);
    if (state.phase === "unmasking" && state.request.survivors.includes(self)) {
      const effect = { type: "send_request", to: [event.client], request: state.request } as const;
      return { state, effects: [effect], reason: "a masked vector came again" };
    }
    return refuse(
      state,
      event.client,
      state.phase === "sharing" ? "masked before all have shared" : "the vector came too late",
    );
  }
  return state.phase === "unmasking"
    ? takeAnswer(state, self, event.answer)
    : refuse(state, event.client, "nothing was asked yet");
}

function takeShares(state: SharingState, self: number, shares: readonly SealedShares[]): ServerStep {
  if (state.shared.includes(self)) return nothing(state, "shares came again");
  const neighbours = state.neighbours[self] ?? [];
  const receivers = shares.map(({ to }) => to);
  const isWhole =
    isSameSet(receivers, neighbours) &&
    shares.every(
      ({ from, sealed, hashes: { maskKey, seed } }) =>
        from === self && sealed.length === sealedBytes && [maskKey, seed].every(({ length }) => length === hashBytes),
    );
  if (!isWhole) return outOf(state, self, "shares are not one for each neighbour");
  const byReceiver = new Map(shares.map((each) => [each.to, each]));
  const sealed = state.sealed.map((some, to) => withOne(some, byReceiver.get(to)));
  return nothing({ ...state, shared: [...state.shared, self], sealed }, `${nameOf(state, self)} has shared`);
}

function takeMasked(state: MaskingState, self: number): ServerStep {
  if (!state.shared.includes(self)) return refuse(state, nameOf(state, self), "it has not shared its secrets");
  if (state.masked.includes(self)) return nothing(state, "a masked vector came again");
  return nothing({ ...state, masked: [...state.masked, self] }, `the vector of ${nameOf(state, self)} is there`);
}

function takeAnswer(state: UnmaskingState, self: number, { seeds, maskKeys }: UnmaskingAnswer): ServerStep {
  const { request, neighbours } = state;
  if (!request.survivors.includes(self)) return refuse(state, nameOf(state, self), "it is not in the sum");
  if (state.answered.includes(self)) return nothing(state, "an answer came again");
  const own = neighbours[self];
  // Some may be missing: those that neighbours have sealed so that they do not open, or are not of their hashes.
  const isRight =
    isSubset(
      seeds.map(({ of }) => of),
      among(own, new Set(request.survivors)),
    ) &&
    isSubset(
      maskKeys.map(({ of }) => of),
      among(own, new Set(request.dropped)),
    ) &&
    [...seeds, ...maskKeys].every(({ share }) => share.length === shareBytes(secretBytes));
  if (!isRight) {
    const [out, reason] = [
      outOf(state, self, "shares are not what was asked for"),
      "it gave away what was not asked for",
    ];
    const accusation = { type: "accuse", client: nameOf(state, self), reason, isFatal: false } as const;
    return { ...out, effects: [...out.effects, accusation] };
  }
  const given = dealtOf(state, self, { seeds, maskKeys });
  const collected = state.collected.map((some, of) => withOne(some, given.get(of)));
  const client = nameOf(state, self);
  const next: UnmaskingState = { ...state, answered: [...state.answered, self], collected };
  const wrong = seeds.length + maskKeys.length - given.size;
  if (wrong === 0) return nothing(next, `${client} has answered`);
  const reason = `it gave away ${wrong} shares that are not what was dealt, though its vector was taken`; // T5
  const effects = [{ type: "accuse", client, reason, isFatal: false }] as const;
  return { state: { ...next, liars: [...state.liars, self] }, effects, reason: `${client}: ${reason}` };
}

/** The shares of an answer that are what was dealt, by whose secret they are of. */
function dealtOf({ sealed, session }: UnmaskingState, self: number, { seeds, maskKeys }: UnmaskingAnswer) {
  const dealers = new Map((sealed[self] ?? []).map((each) => [each.from, each]));
  const given = new Map<number, CollectedShare>();
  for (const [secret, shares] of [["seed", seeds] as const, ["maskKey", maskKeys] as const]) {
    for (const { of, share } of shares) {
      const dealt = dealers.get(of);
      if (dealt !== undefined && isAsDealt(session, dealt, secret, share)) given.set(of, { of, share, from: self });
    }
  }
  return given;
}

const withOne = <T>(some: readonly T[], one: T | undefined): readonly T[] =>
  one === undefined ? some : [...some, one];

function goneFrom(state: OpenServerState, client: string, reason: string): ServerStep {
  if (state.gone.includes(client)) return nothing(state, reason);
  const isKnown = state.phase === "advertising" || state.roster.some((entry) => entry.client === client);
  // What is gone is bounded by who was invited.
  if (!isKnown || state.gone.length >= state.plan.invited) return nothing(state, reason);
  const gone = [...state.gone, client];
  if (state.phase !== "advertising") return nothing({ ...state, gone }, reason);
  return nothing({ ...state, gone, keys: state.keys.filter((entry) => entry.client !== client) }, reason);
}

/** T4: who sends what is wrong is waited for no longer. */
function outOf(state: SessionState, self: number, reason: string): ServerStep {
  const client = nameOf(state, self);
  return { ...goneFrom(state, client, reason), effects: [{ type: "refuse", client, reason }] };
}

function refuse(state: ServerState, client: string, reason: string): ServerStep {
  return { state, effects: [{ type: "refuse", client, reason }], reason };
}

const nothing = (state: ServerState, reason: string): ServerStep => ({ state, effects: [], reason });

function late(state: Exclude<ServerState, OpenServerState>, event: ServerEvent): ServerStep {
  const reason = state.phase === "summed" ? "the sum is there" : `the sum was aborted: ${state.reason}`;
  switch (event.type) {
    case "keys":
      return refuse(state, event.keys.client, reason);
    case "shares":
    case "masked":
    case "answer":
      return refuse(state, event.client, reason);
    case "left":
    case "tick":
      return nothing(state, reason);
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function isSameSet(found: readonly number[], expected: readonly number[]): boolean {
  return isSubset(found, expected) && found.length === expected.length;
}

function isSubset(found: readonly number[], of: readonly number[]): boolean {
  const set = new Set(of);
  return new Set(found).size === found.length && found.every((client) => set.has(client));
}
