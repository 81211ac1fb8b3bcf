/** Holds a client's pass and asks for another one before it ends. */
import type { Clock, Random, Timer } from "@shoal/actors/browser";
import { isShoalError, ShoalError, type ErrorCode } from "@shoal/errors";
import { finalRefusals, type Enrolment } from "./enrolment.ts";

export interface PassKeeperOptions {
  readonly first: Enrolment;
  readonly enrol: () => Promise<Enrolment>;
  readonly clock: Clock;
  readonly random: Random;
  /** Told once, when there will be no further pass. */
  readonly onRefused: (error: ShoalError) => void;
}

export interface PassKeeper {
  /** The newest. */
  readonly pass: string;
  /** The one that is here was refused: asks for another at once. */
  renewNow(): void;
  close(): void;
}

/** A pass is renewed after this share of its time. */
const renewAfter = 0.6;
const leastRenewalMs = 5_000;
/** A run that has gone does not come back. */
const final: readonly ErrorCode[] = [...finalRefusals, "run_not_found"];

export function createPassKeeper({ first, enrol, clock, random, onRefused }: PassKeeperOptions): PassKeeper {
  let newest = first;
  let timer: Timer | undefined;
  let isOver = false;
  let isAsking = false;
  const renewIn = (ms: number): void => {
    timer?.cancel();
    if (!isOver) timer = clock.after(ms, () => void renew());
  };
  const renewInTime = (): void => renewIn(Math.max(leastRenewalMs, newest.validMs * renewAfter));
  const renew = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    try {
      const next = await enrol();
      if (next.client !== first.client || next.task !== first.task) throw moved(first, next);
      newest = next;
      renewInTime();
    } catch (error) {
      if (!final.some((code) => isShoalError(error, code))) return renewIn(leastRenewalMs * (1 + random.uniform()));
      if (!isOver) onRefused(ShoalError.from(error));
      isOver = true;
    } finally {
      isAsking = false;
    }
  };
  renewInTime();
  return {
    get pass() {
      return newest.pass;
    },
    renewNow() {
      if (!isAsking) renewIn(0);
    },
    close() {
      isOver = true;
      timer?.cancel();
    },
  };
}

function moved(before: Enrolment, now: Enrolment): ShoalError {
  const sentence = `this client is ${before.client} in ${before.task}, and would now be ${now.client} in ${now.task}`;
  return new ShoalError("run_not_found", sentence, { task: before.task });
}
