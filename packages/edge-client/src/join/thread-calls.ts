/** Questions to a thread that are not answered yet. */
import { systemClock, type Timer } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";

export interface ThreadCalls<Answer> {
  /** @param say - is given the number of the call @throws ShoalError deadline_exceeded - no answer within `callLimitMs` */
  ask(say: (call: number) => void): Promise<Answer>;
  answer(call: number, answer: Answer): void;
  refuse(call: number, error: ShoalError): void;
  /** What is not answered will not be, nor what is asked later. */
  fail(error: ShoalError): void;
}

/** A thread that answers at all does so at once; a slow device loads and copies for seconds. */
const callLimitMs = 60_000;

interface OpenCall<Answer> extends PromiseWithResolvers<Answer> {
  readonly limit: Timer;
}

/** @param thread which one it is, for people */
export function createThreadCalls<Answer>(thread: string): ThreadCalls<Answer> {
  const open = new Map<number, OpenCall<Answer>>();
  let failure: ShoalError | undefined;
  let last = -1;
  const take = (call: number): OpenCall<Answer> | undefined => {
    const found = open.get(call);
    open.delete(call);
    found?.limit.cancel();
    return found;
  };
  const late = new ShoalError("deadline_exceeded", `the client's ${thread} thread has not answered for a minute`);
  return {
    async ask(say) {
      if (failure !== undefined) throw failure;
      last += 1;
      say(last); // What cannot be sent is not waited for.
      const call = last;
      const asked = Promise.withResolvers<Answer>();
      const limit = systemClock.after(callLimitMs, () => take(call)?.reject(late));
      open.set(call, { ...asked, limit });
      return await asked.promise;
    },
    answer: (call, answer) => take(call)?.resolve(answer),
    refuse: (call, error) => take(call)?.reject(error),
    fail(error) {
      failure = error;
      for (const call of open.keys()) take(call)?.reject(error);
    },
  };
}
