/**
 * Joins a federated task: checks in, takes part in rounds, and comes back, until the task is over or the session is closed.
 *
 * Invariants
 *   J1  at most one round at a time; what it has come to survives a reload (`WorkShelf`).
 *   J2  a contribution is kept until its round is over: it is sent again when the aggregator has lost it.
 *   J3  nothing is polled: an idle client checks in as seldom as its lease allows, and hears of rounds by itself.
 */
import { createSystemRandom, systemClock, type Clock, type Random } from "@shoal/actors/browser";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { ClientNotice, ClientPlane, ClientReply, Device, RoundOffer, TaskDescription } from "@shoal/federated";
import { createMemoryStorage, type ClientStorage } from "../storage/client-storage.ts";
import type { LocalTrainer, UpdateCodec } from "./local-training.ts";
import { createPatientPlane, type PatientPlane } from "./patient-plane.ts";
import { playRound } from "./play-round.ts";
import type { SessionEvent } from "./session-event.ts";
import { createWorkShelf, type WorkRecord, type WorkShelf } from "./work-record.ts";

export interface JoinOptions {
  readonly task: string;
  /** The name under which the plane was let in. */
  readonly client: string;
  /** Closed with the session. */
  readonly plane: ClientPlane;
  /** Closed with the session. */
  readonly trainer: LocalTrainer;
  readonly codec: UpdateCodec;
  /** Bytes that training may take, and what device this is, for people. */
  readonly device: Pick<Device, "memoryBytes" | "platform">;
  /** Default: in memory, so that a reload forgets everything. */
  readonly storage?: ClientStorage;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly onEvent?: (event: SessionEvent) => void;
}

export interface Session {
  /** Settles when the task is over, or the session closed; says why. */
  readonly ended: Promise<string>;
  /** Says goodbye and ends what is under way. Idempotent. */
  close(): Promise<void>;
}

const requestTimeoutMs = 20_000;
const mostWaitMs = 30_000;
const goodbyeMs = 500;

interface SessionState {
  readonly options: JoinOptions;
  readonly plane: PatientPlane;
  readonly shelf: WorkShelf;
  readonly random: Random;
  readonly clock: Clock;
  readonly closing: AbortController;
  /** Of the round that is being played. */
  round: { readonly number: number; readonly abort: AbortController } | undefined;
  /** Heard, and not yet looked at. */
  offer: RoundOffer | undefined;
  againForRound: number | undefined;
  wake: (() => void) | undefined;
  over: string | undefined;
}

export function join(options: JoinOptions): Session {
  const { clock = systemClock, random = createSystemRandom(), storage = createMemoryStorage() } = options;
  const plane = createPatientPlane({
    ...{ plane: options.plane, clock, random, timeoutMs: requestTimeoutMs, mostWaitMs },
    onConnected: (isConnected) => options.onEvent?.({ type: isConnected ? "connected" : "disconnected" }),
  });
  const state: SessionState = {
    ...{ options, plane, shelf: createWorkShelf(storage), random, clock, closing: new AbortController() },
    ...{ round: undefined, offer: undefined, againForRound: undefined, wake: undefined, over: undefined },
  };
  const stop = options.plane.listen((notice) => hear(state, notice));
  const ended = liveAndClose(state, stop);
  void ended.then(
    (reason) => options.onEvent?.({ type: "ended", reason }),
    () => undefined,
  );
  return {
    ended,
    async close() {
      if (!state.closing.signal.aborted) {
        const goodbye = options.plane.request({ type: "leave", reason: "the session was closed" }, goodbyeMs);
        await goodbye.catch(() => undefined);
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
    while (state.over === undefined) {
      const reply = await checkIn(state);
      if (reply.type === "turned_away") {
        if (reply.isFinal) return reply.reason;
        await state.plane.sleep(jittered(state, reply.comeBackAfterMs), signal);
      }
      if (reply.type !== "checked_in") continue;
      const record = await nextWork(state, reply.offer ?? undefined);
      if (record !== undefined) await play(state, reply.task, record);
      else await rest(state, jittered(state, reply.comeBackAfterMs));
    }
    return state.over;
  } catch (error) {
    if (signal.aborted) return "the session was closed";
    state.options.onEvent?.({ type: "failed", reason: ShoalError.from(error).message });
    throw error;
  }
}

async function checkIn(state: SessionState): Promise<ClientReply> {
  const { options, plane, closing } = state;
  const { trainer, codec, onEvent } = options;
  const { samples, testSamples } = trainer;
  const device: Device = { ...options.device, samples, testSamples, encodings: codec.encodings };
  const reply = await plane.ask({ type: "check_in", device }, closing.signal);
  if (reply.type === "turned_away") onEvent?.(reply);
  if (reply.type === "checked_in") {
    onEvent?.({ type: "checked_in", task: reply.task.task, comeBackAfterMs: reply.comeBackAfterMs });
  }
  return reply;
}

/** The round to play now: what was begun, if it is still wanted, or what is offered. */
async function nextWork(state: SessionState, offered: RoundOffer | undefined): Promise<WorkRecord | undefined> {
  const { shelf } = state;
  const kept = await shelf.read();
  const offer = offered ?? state.offer;
  const again = state.againForRound;
  Object.assign(state, { offer: undefined, againForRound: undefined });
  if (kept !== undefined && kept.isAnswered) return again === kept.offer.round ? kept : fresh(state, offer, kept);
  if (kept !== undefined && (offer === undefined || offer.round === kept.offer.round)) {
    // Without an offer the round may be over for this client; a contribution is told so, the rest is begun for nothing.
    return offer !== undefined || kept.contribution !== null ? kept : undefined;
  }
  return fresh(state, offer, kept);
}

async function fresh(
  { shelf }: SessionState,
  offer: RoundOffer | undefined,
  kept: WorkRecord | undefined,
): Promise<WorkRecord | undefined> {
  if (offer === undefined || offer.round === kept?.offer.round) return undefined;
  const record: WorkRecord = { offer, download: null, contribution: null, isAnswered: false };
  await shelf.clear();
  await shelf.write(record);
  return record;
}

async function play(state: SessionState, task: TaskDescription, record: WorkRecord): Promise<void> {
  const { options, plane, shelf, clock, closing } = state;
  const { trainer, codec, client, onEvent } = options;
  const abort = new AbortController();
  const { round } = record.offer;
  state.round = { number: round, abort };
  const signal = AbortSignal.any([closing.signal, abort.signal]);
  const tell = (event: SessionEvent): void => onEvent?.(event);
  try {
    const outcome = await playRound(
      { client, task, plane, shelf, trainer, codec, now: () => clock.now(), tell, signal },
      record,
    );
    if (outcome.kind === "answered") return;
    tell({ type: "let_go", round, reason: outcome.reason });
    await shelf.clear();
  } catch (error) {
    if (closing.signal.aborted) throw error;
    // One round that cannot be played costs itself; the next may be another matter.
    tell({ type: "let_go", round, reason: ShoalError.from(error).message });
    await shelf.clear();
    if (!isShoalError(error, "cancelled")) await decline(state, round, ShoalError.from(error).message);
  } finally {
    state.round = undefined;
  }
}

async function decline({ plane, closing }: SessionState, round: number, reason: string): Promise<void> {
  const short = reason.slice(0, 256);
  await plane.ask({ type: "answer_offer", round, takesPart: false, reason: short }, closing.signal);
}

/** Until something is heard, or it is time to check in again. */
async function rest(state: SessionState, ms: number): Promise<void> {
  if (state.offer !== undefined || state.againForRound !== undefined || state.over !== undefined) return;
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

function hear(state: SessionState, notice: ClientNotice): void {
  const end = (reason: string): void => state.round?.abort.abort(new ShoalError("cancelled", reason));
  switch (notice.type) {
    case "round_offered":
      state.offer = notice.offer;
      break;
    case "offer_again":
      state.againForRound = notice.round;
      break;
    case "round_over":
      if (state.round?.number === notice.round) end(notice.reason);
      break;
    case "round_closed":
      state.options.onEvent?.(notice);
      return;
    case "task_over":
      state.over = notice.reason;
      end(notice.reason);
      break;
    case "aggregator_here":
    case "secure_notice":
      break;
  }
  state.wake?.();
}

/** Between half and all of it: clients that were told the same do not come at the same moment. */
function jittered({ random }: SessionState, ms: number): number {
  return ms * (0.5 + random.uniform() / 2);
}
