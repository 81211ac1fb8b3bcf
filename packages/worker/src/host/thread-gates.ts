/**
 * Both ends of a gate between parameters that arrive in one thread and a forward pass that reads them in another: a word
 * of shared memory that says below which key they are there.
 */
import { ShoalError } from "@shoal/errors";
import type { PlanGates } from "@shoal/models";
import type { ForwardGate } from "../compute/compute-port.ts";
import type { ThreadOverlap } from "./compute-messages.ts";

const cancelled = -1;
/** Longer than a worker's client tries to pull: it knows more about what holds the parameters up. */
const gateMs = 90_000;

/** Bytes of the gate's memory. */
export const gateBytes = 4;

/** The end of the thread in which parameters arrive. */
export function createForwardGate(memory: SharedArrayBuffer): ForwardGate {
  const word = new Int32Array(memory);
  const set = (value: number): void => {
    Atomics.store(word, 0, value);
    Atomics.notify(word, 0);
  };
  return { open: set, cancel: () => set(cancelled) };
}

export interface ThreadGates extends PlanGates {
  /** Time spent at the gate so far. */
  readonly waitedMs: number;
}

/**
 * The end of the computing thread, for one gradient.
 * @param tell called with a cut when everything from it on is final
 */
export function createThreadGates(
  memory: SharedArrayBuffer,
  { gated, cuts }: ThreadOverlap,
  options: { readonly now: () => number; readonly tell: (key: number) => void },
): ThreadGates {
  const { now, tell } = options;
  const word = new Int32Array(memory);
  let waitedMs = 0;
  let known = gated ? 0 : Infinity;
  /** Cuts that have not been told. */
  let rest = cuts.length;
  return {
    get waitedMs() {
      return waitedMs;
    },
    need(end) {
      if (end <= known) return;
      const startedAtMs = now();
      for (;;) {
        known = Atomics.load(word, 0);
        if (known === cancelled) throw new ShoalError("cancelled", "the parameters of this step are not to come");
        const passedMs = now() - startedAtMs;
        if (known >= end) {
          waitedMs += passedMs;
          return;
        }
        if (passedMs >= gateMs) throw late(known, cuts);
        Atomics.wait(word, 0, known, gateMs - passedMs);
      }
    },
    final(begin) {
      let key: number | undefined;
      while (rest > 0 && (cuts[rest - 1] ?? 0) >= begin) key = cuts[--rest];
      if (key !== undefined) tell(key);
    },
  };
}

function late(known: number, cuts: readonly number[]): ShoalError {
  const shard = Math.max(
    0,
    cuts.findLastIndex((cut) => cut <= known),
  );
  const sentence = `the forward pass waited ${gateMs / 1000} s for the parameters of shard ${shard}, from key ${known} on`;
  return new ShoalError("deadline_exceeded", sentence, { waitedForMs: gateMs, waitingFor: `shard ${shard}` });
}
