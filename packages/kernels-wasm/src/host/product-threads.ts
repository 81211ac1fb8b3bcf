/** The threads that help with matrix products, in Node (worker_threads). */
import type { ProductThreadData } from "./product-thread.ts";

/** Sources run as they are under the condition that makes packages resolve to sources; a build needs none. */
const runsFromSources = import.meta.url.endsWith(".ts");
const entry = new URL(runsFromSources ? "./product-thread.ts" : "./product-thread.js", import.meta.url);
const execArgv = runsFromSources ? ["--conditions=shoal-source"] : [];

export interface ProductThreads {
  /** Waits until all have ended; meanwhile they keep the process alive. */
  join(): Promise<void>;
}

/**
 * Starts a thread for each of `threads` and waits until all of them help, or have failed. They do not keep the process
 * alive.
 *
 * @param onEnd - hears of every thread that ends, asked or not
 */
export async function startProductThreads(
  threads: readonly ProductThreadData[],
  onEnd: (cause: unknown) => void,
): Promise<ProductThreads> {
  const { Worker } = await import("node:worker_threads");
  const started = threads.map((workerData, index) => {
    const name = `matrix products ${index + 1}`;
    const thread = new Worker(entry, { workerData, execArgv, name });
    const ready = Promise.withResolvers<void>();
    thread.once("message", () => ready.resolve());
    thread.on("error", onEnd);
    const ended = new Promise<void>((resolve) => {
      thread.once("exit", (code) => {
        onEnd(new Error(`${name} ended with code ${code}`));
        ready.resolve();
        resolve();
      });
    });
    return { thread, ready: ready.promise, ended };
  });
  await Promise.all(started.map(({ ready }) => ready));
  for (const { thread } of started) thread.unref();
  return {
    async join() {
      for (const { thread } of started) thread.ref();
      await Promise.all(started.map(({ ended }) => ended));
    },
  };
}
