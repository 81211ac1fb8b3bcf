/**
 * Trains on another thread, so that whoever holds the connection answers while a step runs. Works without cross-origin
 * isolation: vectors are copied, no memory is shared.
 */
import type { Clock } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";
import type { LocalTrainer } from "../session/local-training.ts";
import type { ComputePort } from "./compute-messages.ts";
import { createComputeCalls, type ComputeCalls, type Ready } from "./compute-calls.ts";

export interface ComputeTrainerOptions {
  /** At its other end is `serveTrainer`. */
  readonly port: ComputePort;
  readonly clock: Clock;
  /** Ends the thread, after it was told to close. */
  readonly terminate?: () => void;
}

/** The thread loads its code and its data before it is ready. */
const readyLimitMs = 60_000;
/** A thread is asked whether it is there until it answers: what is said before it listens may be lost. */
const greetEveryMs = 200;

/**
 * What a thread is asked has no deadline of its own: training takes as long as it takes, and a round's end stops it. A
 * thread that dies fails what it was asked, and all that it is asked later.
 * @throws ShoalError deadline_exceeded - the compute thread did not become ready; internal - it died
 */
export async function createComputeTrainer({ port, clock, terminate }: ComputeTrainerOptions): Promise<LocalTrainer> {
  const calls = createComputeCalls(port);
  const { samples, testSamples } = await becomeReady(calls, clock);
  return {
    ...{ samples, testSamples },
    async train(task, { signal, onProgress, values, personal, control, round, draw, local, clip }) {
      if (signal.aborted) throw ShoalError.from(signal.reason);
      // Named one by one: what else the caller has there need not be copyable.
      const work = { values, personal, control, round, draw, local, clip };
      const { call, answer } = calls.ask((own) => ({ type: "train", call: own, task, work }), onProgress);
      const stop = (): void => calls.say({ type: "stop", call });
      signal.addEventListener("abort", stop, { once: true });
      try {
        const reply = await answer;
        if (reply.type === "trained") return reply.result;
        throw new ShoalError("internal", `the compute thread answered ${reply.type}`);
      } finally {
        signal.removeEventListener("abort", stop);
      }
    },
    async evaluate(task, { values, personal }) {
      const own = { values, personal };
      const reply = await calls.ask((call) => ({ type: "evaluate", call, task, own })).answer;
      if (reply.type === "measured") return reply.measurement;
      throw new ShoalError("internal", `the compute thread answered ${reply.type}`);
    },
    async close() {
      calls.say({ type: "close" });
      calls.fail(new ShoalError("cancelled", "the compute thread was closed"));
      terminate?.();
    },
  };
}

async function becomeReady(calls: ComputeCalls, clock: Clock): Promise<Ready> {
  const limit = clock.after(readyLimitMs, () => {
    calls.fail(new ShoalError("deadline_exceeded", `the compute thread was not ready within ${readyLimitMs} ms`));
  });
  let greeting = clock.after(0, greet);
  function greet(): void {
    calls.say({ type: "greet" });
    greeting = clock.after(greetEveryMs, greet);
  }
  try {
    return await calls.ready;
  } finally {
    greeting.cancel();
    limit.cancel();
  }
}
