/** Questions to a thread that are not answered yet. */
import type { ShoalError } from "@shoal/errors";

export interface ThreadCalls<Answer> {
  /** @param say - is given the number of the call */
  ask(say: (call: number) => void): Promise<Answer>;
  answer(call: number, answer: Answer): void;
  refuse(call: number, error: ShoalError): void;
  /** What is not answered will not be, nor what is asked later. */
  fail(error: ShoalError): void;
}

export function createThreadCalls<Answer>(): ThreadCalls<Answer> {
  const open = new Map<number, PromiseWithResolvers<Answer>>();
  let failure: ShoalError | undefined;
  let last = -1;
  const take = (call: number): PromiseWithResolvers<Answer> | undefined => {
    const found = open.get(call);
    open.delete(call);
    return found;
  };
  return {
    async ask(say) {
      if (failure !== undefined) throw failure;
      last += 1;
      say(last); // What cannot be sent is not waited for.
      const asked = Promise.withResolvers<Answer>();
      open.set(last, asked);
      return await asked.promise;
    },
    answer: (call, answer) => take(call)?.resolve(answer),
    refuse: (call, error) => take(call)?.reject(error),
    fail(error) {
      failure = error;
      for (const { reject } of open.values()) reject(error);
      open.clear();
    },
  };
}
