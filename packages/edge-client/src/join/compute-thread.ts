/** The compute thread of a client, as the program's thread sees it. */
import { ShoalError } from "@shoal/errors";
import type { FromCompute, ToCompute } from "./join-messages.ts";
import type { JoinThread } from "./join-place.ts";
import type { TrainingData } from "./join-task.ts";
import { createThreadCalls } from "./thread-calls.ts";

export interface ComputeThread {
  /** @param client - to the network's thread; given away @throws ShoalError invalid_argument - the data are none */
  load(data: TrainingData, memoryBytes: number, client: MessagePort): Promise<void>;
  /** @throws ShoalError as `load` */
  take(data: TrainingData): Promise<void>;
  /** The thread is there no more, and what it was asked fails with this. */
  end(why: ShoalError): void;
}

export function startCompute(thread: JoinThread, onDeath: (error: ShoalError) => void): ComputeThread {
  const calls = createThreadCalls<void>("compute");
  const ask = (message: (call: number) => ToCompute, transfer: Transferable[] = []): Promise<void> =>
    calls.ask((call) => thread.port.postMessage(message(call), { transfer }));
  thread.port.addEventListener("message", ({ data }) => {
    const message = data as FromCompute;
    if (message.type === "taken") calls.answer(message.call, undefined);
    else calls.refuse(message.call, ShoalError.deserialize(message.error));
  });
  thread.onDeath((reason) => {
    const error = new ShoalError("internal", `the client's compute thread died: ${reason}`);
    calls.fail(error);
    onDeath(error);
  });
  return {
    load: (data, memoryBytes, client) => ask((call) => ({ type: "load", call, data, memoryBytes, client }), [client]),
    take: (data) => ask((call) => ({ type: "data", call, data })),
    end(why) {
      thread.terminate();
      calls.fail(why);
    },
  };
}
