/** What is asked of a compute thread and not answered yet. */
import { ShoalError } from "@shoal/errors";
import type { ComputePort, FromCompute, ToCompute } from "./compute-messages.ts";

type OnProgress = (progress: { readonly epoch: number; readonly loss: number }) => void;
export type Ready = Extract<FromCompute, { readonly type: "ready" }>;

export interface ComputeCalls {
  /** Settles when the thread says that it is there; rejects when it dies before. */
  readonly ready: Promise<Ready>;
  say(message: ToCompute): void;
  /** @param message - is given the number of the call */
  ask(
    message: (call: number) => ToCompute,
    onProgress?: OnProgress,
  ): { readonly call: number; readonly answer: Promise<FromCompute> };
  /** Fails what was asked, and all that is asked later. */
  fail(error: ShoalError): void;
}

interface Call {
  readonly resolve: (answer: FromCompute) => void;
  readonly reject: (error: ShoalError) => void;
  readonly onProgress: OnProgress | undefined;
}

export function createComputeCalls(port: ComputePort): ComputeCalls {
  const open = new Map<number, Call>();
  const { promise: ready, resolve: isReady, reject: isLost } = Promise.withResolvers<Ready>();
  let failure: ShoalError | undefined;
  let number = 0;
  const say = (message: ToCompute): void => port.postMessage(message, { transfer: [] });
  const fail = (error: ShoalError): void => {
    failure = error;
    isLost(error);
    for (const { reject } of open.values()) reject(error);
    open.clear();
  };
  port.addEventListener("message", ({ data }) => {
    const message = data as FromCompute;
    if (message.type === "ready") return isReady(message);
    const call = open.get(message.call);
    if (message.type === "progress") return call?.onProgress?.({ epoch: message.epoch, loss: message.loss });
    open.delete(message.call);
    if (message.type === "failed") call?.reject(ShoalError.deserialize(message.error));
    else call?.resolve(message);
  });
  port.addEventListener("error", ({ message = "no reason given" }) => {
    fail(new ShoalError("internal", `the compute thread died: ${message}`));
  });
  port.start?.();
  return {
    ...{ ready, say, fail },
    ask(message, onProgress) {
      number += 1;
      const call = number;
      const answer = new Promise<FromCompute>((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        say(message(call));
        open.set(call, { resolve, reject, onProgress });
      });
      return { call, answer };
    },
  };
}
