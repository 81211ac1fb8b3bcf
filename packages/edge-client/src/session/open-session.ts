/**
 * Takes part in a federated task: checks in, plays rounds, and comes back, until the task is over or the session is closed.
 *
 * Invariants
 *   J1  at most one round at a time; what it has come to survives a reload (`WorkShelf`).
 *   J2  a contribution is kept until its round is over: it is sent again when the aggregator has lost it.
 *   J3  nothing is polled: an idle client hears of rounds by itself, and checks in when its last answer said, and after each
 *       round of its own. Only when the connection or an aggregator has come back it does so before.
 */
import { createSystemRandom, systemClock } from "@shoal/actors/browser";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { ClientReply, Device, RoundOffer } from "@shoal/federated";
import { createMemoryStorage } from "../storage/client-storage.ts";
import { createForgivingStorage } from "../storage/forgiving-storage.ts";
import { createCarriedState } from "./carried-state.ts";
import { decline } from "./decline.ts";
import { endRound, hearNotice } from "./hear-notice.ts";
import { createNewestModel, type SessionModel } from "./newest-model.ts";
import { createPatientPlane } from "./patient-plane.ts";
import { playRound } from "./play-round.ts";
import { createPrivacyPromise } from "./privacy-promise.ts";
import type { RoundRoom } from "./round-room.ts";
import { sayGoodbye, toldOf } from "./say-goodbye.ts";
import type { SessionEvent } from "./session-event.ts";
import { jittered, type SessionOptions, type SessionState, type TaskOver } from "./session-state.ts";
import { createWorkShelf, type WorkRecord } from "./work-record.ts";

export interface Session {
  /**
   * The newest values that this client has: those of the last round that it was in; when the task has ended, its last ones.
   * undefined: none yet.
   */
  model(): SessionModel | undefined;
  /** Settles when the task is over, or the session closed; says why. */
  readonly ended: Promise<string>;
  /** Says goodbye and ends what is under way. Idempotent. */
  close(): Promise<void>;
}

const requestTimeoutMs = 20_000;
const mostWaitMs = 30_000;
const lastModelMs = 60_000;
/** After a round that came to nothing, doubled for each in a row. */
const leastFailureRestMs = 1_000;
/** While it trains a client checks in no more often than this, nor more seldom: somebody waits for it. */
const leastAttendanceMs = 5_000;
const mostAttendanceMs = 40_000;

export function openSession(options: SessionOptions): Session {
  const { clock = systemClock, random = createSystemRandom(), onEvent } = options;
  const storage = createForgivingStorage(options.storage ?? createMemoryStorage(), ({ message }) =>
    onEvent?.({ type: "not_kept", reason: message }),
  );
  const plane = createPatientPlane({
    ...{ plane: options.plane, clock, random, timeoutMs: requestTimeoutMs, mostWaitMs },
    onConnected: (isConnected) => onEvent?.({ type: isConnected ? "connected" : "disconnected" }),
  });
  const state: SessionState = {
    ...{ options, plane, storage, shelf: createWorkShelf(storage, options.task), random, clock },
    ...{ closing: new AbortController(), round: undefined, offer: undefined, againForRound: undefined },
    ...{ hereWithinMs: undefined, failures: 0, wake: undefined, over: undefined, task: undefined },
    ...{ model: createNewestModel(), promise: createPrivacyPromise(storage) },
  };
  const stop = options.plane.listen((notice) => hearNotice(state, notice));
  const ended = liveAndClose(state, stop);
  void ended.then(
    (reason) => onEvent?.({ type: "ended", reason }),
    () => undefined,
  );
  return {
    ended,
    model: () => state.model.read(),
    async close() {
      if (!state.closing.signal.aborted) {
        await sayGoodbye(options.plane, "the session was closed");
        state.closing.abort(new ShoalError("cancelled", "the session was closed"));
      }
      await ended.catch(() => undefined);
    },
  };
}

async function liveAndClose(state: SessionState, stopListening: () => void): Promise<string> {
  try {
    return await live(state);
  } finally {
    stopListening();
    state.plane.close();
    await state.options.trainer.close();
    await state.options.plane.close();
  }
}

async function live(state: SessionState): Promise<string> {
  const { signal } = state.closing;
  try {
    let last: CheckedIn | undefined;
    while (state.over === undefined) {
      await spread(state);
      // Who was asked while it was idle is known: it answers at once.
      const reply: ClientReply =
        last === undefined || state.offer === undefined ? await checkIn(state) : { ...last, offer: null };
      if (reply.type === "turned_away") {
        if (reply.isFinal) {
          const { reason, over: model } = reply;
          if (model !== undefined) await fetchLast(state, { type: "task_over", reason, model });
          return reason;
        }
        await state.plane.sleep(reply.comeBackAfterMs, signal);
      }
      if (reply.type !== "checked_in") continue;
      last = reply;
      const record = await nextWork(state, reply.offer ?? undefined);
      if (record === "ask") last = undefined;
      else if (record === undefined) await rest(state, reply.comeBackAfterMs);
      else {
        const restMs = await play(state, reply, record);
        if (restMs === undefined) state.failures = 0;
        else await rest(state, Math.max(restMs, failureRestMs(state, reply.comeBackAfterMs)));
      }
    }
    await fetchLast(state, state.over);
    return state.over.reason;
  } catch (error) {
    if (signal.aborted) return "the session was closed";
    const reason = ShoalError.from(error).message;
    state.options.onEvent?.({ type: "failed", reason });
    await sayGoodbye(state.options.plane, toldOf(state.task, error));
    throw error;
  }
}

/** The values that a task has ended with, if they are to be had soon: whoever serves them does not stay. */
async function fetchLast(state: SessionState, { model, reason }: TaskOver): Promise<void> {
  const { task, shelf, plane, clock, closing, options } = state;
  if (model !== null && task !== undefined) {
    const late = new AbortController();
    const timer = clock.after(lastModelMs, () => late.abort(new ShoalError("deadline_exceeded", "the task is over")));
    const signal = AbortSignal.any([closing.signal, late.signal]);
    const tell = (event: SessionEvent): void => options.onEvent?.(event);
    // Without them the client keeps those of its last round.
    await state.model.fetchLast({ task, shelf, plane, signal, tell }, model).catch(() => undefined);
    timer.cancel();
  }
  await sayGoodbye(options.plane, reason);
}

/** After an aggregator has come, a moment of this client's own. */
async function spread(state: SessionState): Promise<void> {
  const { hereWithinMs, plane, random, closing } = state;
  state.hereWithinMs = undefined;
  if (hereWithinMs !== undefined) await plane.sleep(random.uniform() * hereWithinMs, closing.signal);
}

function failureRestMs(state: SessionState, comeBackAfterMs: number): number {
  state.failures += 1;
  const growing = leastFailureRestMs * 2 ** Math.min(state.failures - 1, 16);
  return jittered(state, Math.min(growing, Math.max(leastFailureRestMs, comeBackAfterMs)));
}

async function checkIn(state: SessionState, signal: AbortSignal = state.closing.signal): Promise<ClientReply> {
  const { options, plane } = state;
  const { trainer, codec, onEvent } = options;
  // How many there are is told with a contribution, to who asks for it.
  const [samples, testSamples] = [Math.min(1, trainer.samples), Math.min(1, trainer.testSamples)];
  const device: Device = { ...options.device, samples, testSamples, encodings: codec.encodings };
  const reply = await plane.ask({ type: "check_in", device }, signal);
  if (reply.type === "turned_away") onEvent?.(reply);
  if (reply.type === "checked_in") {
    await state.promise.check(reply.task);
    state.task = reply.task;
    onEvent?.({ type: "checked_in", task: reply.task.task, comeBackAfterMs: reply.comeBackAfterMs });
  }
  return reply;
}

/**
 * The round to play now: what was begun, if it is still wanted, or what is offered. "ask": a notice has offered a round before the one
 * that is known here. It may be old, or the run is served where nobody knows how far its rounds were counted: a check-in tells.
 */
async function nextWork(state: SessionState, offered: RoundOffer | undefined): Promise<WorkRecord | "ask" | undefined> {
  const { shelf, offer: heard, againForRound } = state;
  Object.assign(state, { offer: undefined, againForRound: undefined });
  const kept = await shelf.read();
  if (offered === undefined && heard !== undefined && heard.round < (kept?.offer.round ?? 0)) return "ask";
  const offer = offered ?? heard;
  if (kept === undefined) return begin(state, offer);
  const isSame = offer !== undefined && isOfSameRound(offer, kept.offer);
  if (kept.answer !== null) {
    // J2: whoever is in a round to which it has contributed is there because that was lost.
    // It has left with its keys, and says so.
    if (kept.answer === "secret" && isSame) return kept;
    if (kept.answer === "taken" && (isSame || againForRound === kept.offer.round)) return kept;
    return isSame ? undefined : begin(state, offer);
  }
  if (isSame) return kept;
  // Without an offer the round may be over for this client; a contribution is told so, the rest is begun for nothing.
  if (offer === undefined) return kept.contribution === null ? undefined : kept;
  return begin(state, offer);
}

/** Not by its number alone: one that was counted anew may have it, too. */
function isOfSameRound(one: RoundOffer, other: RoundOffer): boolean {
  const parts = ({ round, version, control }: RoundOffer): string => JSON.stringify([round, version, control?.epoch]);
  return parts(one) === parts(other);
}

async function begin({ shelf }: SessionState, offer: RoundOffer | undefined): Promise<WorkRecord | undefined> {
  if (offer === undefined) return undefined;
  const record: WorkRecord = { offer, contribution: null, trace: null, answer: null };
  await shelf.clear();
  await shelf.write(record);
  return record;
}

/** @returns undefined where something has come of it; else the milliseconds in which nothing will be offered, as far as is known */
async function play(state: SessionState, reply: CheckedIn, record: WorkRecord): Promise<number | undefined> {
  const { shelf, closing, options } = state;
  const abort = new AbortController();
  const { round } = record.offer;
  state.round = { number: round, abort, hearSecure: undefined };
  const tell = (event: SessionEvent): void => options.onEvent?.(event);
  try {
    const signal = AbortSignal.any([closing.signal, abort.signal]);
    const outcome = await playRound(furnish(state, reply, { round, signal }), record);
    // What was answered before has been answered again.
    if (outcome.kind === "answered") return record.answer === null ? undefined : 0;
    tell({ type: "let_go", round, reason: outcome.reason });
    await shelf.clear();
    return outcome.comeBackAfterMs ?? 0;
  } catch (error) {
    if (closing.signal.aborted) throw error;
    // One round that cannot be played costs itself; the next may be another matter.
    const { message } = ShoalError.from(abort.signal.aborted ? abort.signal.reason : error);
    tell({ type: "let_go", round, reason: message });
    await shelf.clear();
    if (abort.signal.aborted) return undefined;
    const restMs = await decline(state.plane, { round, reason: toldOf(state.task, error) }, closing.signal);
    if (isForGood(error)) throw error;
    return restMs;
  } finally {
    state.round = undefined;
  }
}

/** The client's data, program, memory or privacy does not fit the task: it would be drawn in vain as long as it is there. */
function isForGood(error: unknown): boolean {
  const codes = ["invalid_argument", "layout_mismatch", "out_of_memory", "privacy_budget_spent"] as const;
  return codes.some((code) => isShoalError(error, code));
}

type CheckedIn = Extract<ClientReply, { readonly type: "checked_in" }>;

function furnish(
  state: SessionState,
  { task, comeBackAfterMs }: CheckedIn,
  { round, signal }: { readonly round: number; readonly signal: AbortSignal },
): RoundRoom {
  const { options, plane, shelf, storage, clock } = state;
  const { client, trainer, codec, onEvent } = options;
  return {
    ...{ client, task, plane, shelf, storage, model: state.model, trainer, codec, signal, now: () => clock.now() },
    memoryBytes: options.device.memoryBytes,
    unsent: createCarriedState(storage, task.task, "unsent"),
    personal: createCarriedState(storage, task.task, "personal"),
    ...{ cryptography: options.cryptography, privacyLimit: options.privacyLimit },
    hearSecure(hear) {
      const { round: played } = state;
      if (played !== undefined) played.hearSecure = hear;
      return () => {
        if (played?.hearSecure === hear) played.hearSecure = undefined;
      };
    },
    tell: (event) => onEvent?.(event),
    jittered: (ms) => jittered(state, ms),
    attend: (until) => attend(state, { round, everyMs: comeBackAfterMs, until }),
  };
}

/** Who trains is heard of, and hears that its round is over where it missed the notice. */
async function attend(
  state: SessionState,
  { round, everyMs, until }: { readonly round: number; readonly everyMs: number; readonly until: AbortSignal },
): Promise<void> {
  while (!until.aborted) {
    const restMs = Math.min(Math.max(leastAttendanceMs, everyMs), mostAttendanceMs);
    await state.plane.sleep(jittered(state, restMs), until);
    const reply = await checkIn(state, until);
    if (reply.type === "checked_in" && reply.offer?.round === round) continue;
    if (!until.aborted && state.round?.number === round) endRound(state, "the round went on without this client");
    return;
  }
}

/** Until something is heard, or it is time to check in again. */
async function rest(state: SessionState, ms: number): Promise<void> {
  if (state.offer !== undefined || state.againForRound !== undefined || state.over !== undefined) return;
  if (state.hereWithinMs !== undefined) return;
  const heard = new AbortController();
  state.wake = () => heard.abort(new ShoalError("cancelled", "something was heard"));
  try {
    await state.plane.sleep(ms, AbortSignal.any([heard.signal, state.closing.signal]), true);
  } catch (error) {
    if (!heard.signal.aborted) throw error;
  } finally {
    state.wake = undefined;
  }
}
