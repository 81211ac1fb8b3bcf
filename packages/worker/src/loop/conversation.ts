/**
 * What a training loop says to the coordinator. Every request is repeated until it is answered: delivery over the bus is
 * at most once, and a coordinator that is away for a while ends no run. A slow answer is as good as a quick one, so a question
 * is asked again long before it is given up: training stands still for as long as a coordinator that takes over is not asked.
 *
 * Bounds  `askMs / repeatMs` repetitions of a question under way.
 */
import type { ActorSystem, Ref } from "@shoal/actors";
import { errorTable, ShoalError } from "@shoal/errors";
import {
  acceptorOf,
  batchesReplySchema,
  evaluationReplySchema,
  progressReplySchema,
  type BatchesReply,
  type BatchRange,
  type CoordinatorMessage,
  type EvaluationReply,
  type LinkIdentity,
  type ProgressFigures,
  type ProgressReply,
  type TestResult,
} from "@shoal/protocol";
import { pause } from "../time/pause.ts";

export interface MeasuredStep {
  readonly step: number;
  readonly version: number;
  readonly result: TestResult;
  /** Why no step can follow. */
  readonly ends?: string;
}

/** All calls fail with `cancelled` when the run is stopped, and with `deadline_exceeded` after `giveUpMs` of silence. */
export interface Conversation {
  requestBatches(): Promise<BatchesReply>;
  /** Settles when the coordinator has recorded the report; for as long as the run goes on. */
  reportProgress(report: number, completed: readonly BatchRange[], figures: ProgressFigures): Promise<void>;
  reportEvaluation(measured: MeasuredStep): Promise<EvaluationReply>;
}

export interface ConversationOptions {
  readonly system: ActorSystem;
  readonly coordinator: Ref<CoordinatorMessage>;
  readonly identity: LinkIdentity;
  readonly signal: AbortSignal;
  /** How long an answer is waited for: 2,000 ms. */
  readonly askMs?: number;
  /** Silence after which the question is asked again: 300 ms. */
  readonly repeatMs?: number;
  /** Silence after which the coordinator is given up, except for progress reports: 60,000 ms. */
  readonly giveUpMs?: number;
}

const initialBackoffMs = 50;
const maximumBackoffMs = 500;

interface Question<R> {
  readonly make: (replyTo: Ref<R>) => CoordinatorMessage;
  readonly reason: string;
  readonly accepts: (body: unknown) => R;
  readonly giveUpMs: number;
}

const acceptsBatches = acceptorOf(batchesReplySchema);
const acceptsProgress = acceptorOf(progressReplySchema);
const acceptsEvaluation = acceptorOf(evaluationReplySchema);

export function createConversation(options: ConversationOptions): Conversation {
  const { identity, giveUpMs = 60_000 } = options;
  const { run, worker: member, incarnation } = identity;
  const from = { run, member, incarnation };
  return {
    requestBatches: () =>
      insist<BatchesReply>(options, {
        make: (replyTo) => ({ type: "request_batches", ...from, replyTo }),
        reason: `for batches of run ${run}`,
        accepts: acceptsBatches,
        giveUpMs,
      }),
    async reportProgress(report, completed, figures) {
      await insist<ProgressReply>(options, {
        make: (replyTo) => ({ type: "report_progress", ...from, report, completed, figures, replyTo }),
        reason: `for its progress in run ${run} to be recorded`,
        accepts: acceptsProgress,
        giveUpMs: Number.POSITIVE_INFINITY,
      });
    },
    reportEvaluation: (measured) =>
      insist<EvaluationReply>(options, {
        make: (replyTo) => ({ type: "report_evaluation", ...from, ...measured, replyTo }),
        reason: `for its evaluation in run ${run} to be recorded`,
        accepts: acceptsEvaluation,
        giveUpMs,
      }),
  };
}

async function insist<R>(options: ConversationOptions, question: Question<R>): Promise<R> {
  const { system, identity, signal, repeatMs = 300 } = options;
  const { reason, giveUpMs } = question;
  const startedAtMs = system.clock.now();
  const answered = new AbortController();
  const state: Asked<R> = { answer: undefined, heard: () => answered.abort("answered") };
  for (let backoffMs = initialBackoffMs; ;) {
    const failed = new AbortController();
    let failure: ShoalError | undefined;
    void ask(options, question, state).catch((thrown: unknown) => {
      failure = ShoalError.from(thrown);
      failed.abort("failed");
    });
    await pause(system.clock, repeatMs, signal, answered.signal, failed.signal);
    if (failure !== undefined && errorTable[failure.code].retry !== "never") {
      await pause(system.clock, backoffMs, signal, answered.signal);
      backoffMs = Math.min(maximumBackoffMs, backoffMs * 2);
    }
    if (state.answer !== undefined) return state.answer.value;
    if (signal.aborted) throw new ShoalError("cancelled", `waiting ${reason} was called off`);
    const elapsedMs = system.clock.now() - startedAtMs;
    if (failure !== undefined && errorTable[failure.code].retry === "never") throw failure;
    if (elapsedMs >= giveUpMs) throw silent(identity, reason, elapsedMs, failure);
  }
}

interface Asked<R> {
  answer: { readonly value: R } | undefined;
  readonly heard: () => void;
}

async function ask<R>(options: ConversationOptions, question: Question<R>, state: Asked<R>): Promise<void> {
  const { system, coordinator, identity, askMs = 2_000 } = options;
  const { make, reason, accepts } = question;
  const value = await system.ask(coordinator, make, { deadlineMs: askMs, reason, owner: identity.name, accepts });
  state.answer = { value };
  state.heard();
}

function silent(identity: LinkIdentity, reason: string, elapsedMs: number, cause: ShoalError | undefined): ShoalError {
  const sentence = `${identity.name} waited ${(elapsedMs / 1000).toFixed(1)} s ${reason}; the coordinator did not answer`;
  const details = { waitedFor: "coordinator", waitedForMs: elapsedMs };
  return new ShoalError("deadline_exceeded", sentence, details, cause === undefined ? {} : { cause });
}
