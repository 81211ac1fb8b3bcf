/**
 * A thread that lives for one answer. Whatever comes of it, the thread has ended when the caller hears of it.
 *
 * There is no deadline here: what a thread waits for has deadlines of its own, and what it computes has an end.
 */
import { Worker } from "node:worker_threads";
import { ShoalError, type SerializedError } from "@shoal/errors";

/** From the thread: lines as they come, then the answer or the failure. */
export type ThreadReply<Answer> =
  | { readonly type: "log"; readonly line: string }
  | { readonly type: "answered"; readonly answer: Answer }
  | { readonly type: "failed"; readonly error: SerializedError };

export interface ThreadTask {
  /** Who it is, for errors and debuggers: "the thread that loads mnist". */
  readonly name: string;
  /** The module that the thread runs; it says `ThreadReply`s to its parent. */
  readonly entry: URL;
  /** What the thread is born with; copied, except for shared memory. */
  readonly data: unknown;
  readonly execArgv: readonly string[];
  readonly log: ((line: string) => void) | undefined;
}

/**
 * Settles with what the thread answers; shared memory in it is not copied.
 * @throws ShoalError the one that the thread failed with; `internal` with the thread's name when it crashes or ends
 *   without an answer
 */
export async function askThread<Answer>(task: ThreadTask): Promise<Answer> {
  const { name, entry, data, execArgv } = task;
  const outcome = Promise.withResolvers<Answer>();
  const thread = new Worker(entry, { name, workerData: data, execArgv: [...execArgv] });
  thread.on("message", (reply: ThreadReply<Answer>) => {
    try {
      if (reply.type === "answered") outcome.resolve(reply.answer);
      else if (reply.type === "failed") outcome.reject(ShoalError.deserialize(reply.error));
      else task.log?.(reply.line);
    } catch (error) {
      outcome.reject(ShoalError.from(error)); // of `log`, which would fail a load on this thread as well
    }
  });
  thread.on("messageerror", (cause) => outcome.reject(crashed(name, cause)));
  thread.on("error", (cause) => outcome.reject(crashed(name, cause)));
  thread.once("exit", (code) => outcome.reject(crashed(name, new Error(`it ended with code ${code}`))));
  try {
    return await outcome.promise;
  } finally {
    await thread.terminate();
  }
}

function crashed(name: string, cause: unknown): ShoalError {
  const found = ShoalError.from(cause);
  const sentence = `${name} crashed: ${found.message.replace(/^\[[a-z_]+\] /, "")}`;
  return new ShoalError(found.code, sentence, { ...found.details, thread: name }, { cause });
}
