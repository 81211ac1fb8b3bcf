/**
 * The nats-server of `shoal edge`, started again whenever it ends. Whom it trusts stays the same, so clients come back with
 * the passes that they have.
 *
 * Bounds  one attempt at a time, between two of them half a second to ten seconds; for as long as `shoal edge` lives. Only
 *         what another attempt would not change (the token, a missing program) is given up on.
 */
import { setTimeout as delay } from "node:timers/promises";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { ChildNode } from "../cluster/child-node.ts";
import { cleanUpAfter } from "../cluster/nats-guardian.ts";

export interface LastingNatsOptions {
  /** Starts one that says `websocket` when it is ready. */
  readonly start: (signal: AbortSignal) => Promise<ChildNode>;
  /** Told of each end and each new start, in a sentence. */
  readonly log: (sentence: string) => void;
}

export interface LastingNats {
  /** `ws://HOST:PORT` of the one that runs now, or that ran last. */
  readonly door: string;
  /** Settles when no other one can be started; it must still be stopped. */
  readonly lost: Promise<ShoalError>;
  stop(): Promise<void>;
}

const leastWaitMs = 500;
const mostWaitMs = 10_000;
/** One that has lived so long did not fail at its start: waits begin afresh. */
const settledMs = 60_000;
const stopGraceMs = 1_000;

/** @throws ShoalError what keeps the first one from starting */
export async function startLastingNats({ start, log }: LastingNatsOptions): Promise<LastingNats> {
  const stopping = new AbortController();
  const lost = Promise.withResolvers<ShoalError>();
  let nats = await start(stopping.signal);
  const watched = watch();
  return {
    get door() {
      return nats.detail["websocket"] ?? "";
    },
    lost: lost.promise,
    async stop() {
      stopping.abort();
      await nats.stop(stopGraceMs);
      await watched;
    },
  };

  async function watch(): Promise<void> {
    let waitMs = leastWaitMs;
    while (!stopping.signal.aborted) {
      const beganMs = performance.now();
      const how = await nats.exited;
      cleanUpAfter(nats);
      if (stopping.signal.aborted) return;
      log(`${lastSentence(how) ?? `${nats.name} ${how}`}; starting another one`);
      if (performance.now() - beganMs > settledMs) waitMs = leastWaitMs;
      const next = await startAgain(waitMs);
      if (next === undefined) return;
      nats = next;
      waitMs = Math.min(2 * waitMs, mostWaitMs);
      log(`${nats.name} serves again; clients come back by themselves`);
    }
    // It began while it was to be stopped.
    await nats.stop(stopGraceMs);
  }

  /** Undefined when there will be none. */
  async function startAgain(firstWaitMs: number): Promise<ChildNode | undefined> {
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(2 * waitMs, mostWaitMs)) {
      await delay(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return undefined;
      try {
        return await start(stopping.signal);
      } catch (error) {
        if (stopping.signal.aborted) return undefined;
        const known = ShoalError.from(error);
        if (isShoalError(error, "unauthenticated") || isShoalError(error, "missing_tool")) {
          lost.resolve(known);
          return undefined;
        }
        log(`${known.message.replace(/^\[[a-z_]+\] /, "")}; trying again`);
      }
    }
  }
}

/** What a command that ended has said of why. */
function lastSentence(how: string): string | undefined {
  return /shoal: [a-z_]+: (.+)/.exec(how)?.[1];
}
