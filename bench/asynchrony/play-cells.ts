/** Plays cells on several threads. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Dataset } from "@shoal/models";
import type { Cell, CellResult } from "./cell.ts";

/**
 * @param dataset - its splits stand on shared memory: threads do not copy it
 * @param onResult - called as results come, in the order in which they are ready
 * @throws what a thread fails with
 */
export async function playCells<T extends { readonly cell: Cell }>(
  all: readonly T[],
  dataset: Dataset,
  threads: number,
  onResult: (played: T, result: CellResult) => void,
): Promise<void> {
  const waiting = [...all];
  const hands = Array.from({ length: Math.min(threads, all.length) }, async () => {
    const thread = new Worker(new URL("./cell-thread.ts", import.meta.url), { workerData: dataset });
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        onResult(next, await playOn(thread, next.cell));
      }
    } finally {
      await thread.terminate();
    }
  });
  await Promise.all(hands);
}

async function playOn(thread: Worker, cell: Cell): Promise<CellResult> {
  const over = new AbortController();
  const { signal } = over;
  const message = once(thread, "message", { signal }) as Promise<[CellResult]>;
  // `once` rejects on "error" of itself.
  const exit = once(thread, "exit", { signal }).then(([code]) => {
    throw new Error(`a thread of the study ended with ${String(code)}`);
  });
  thread.postMessage(cell);
  try {
    const [result] = await Promise.race([message, exit]);
    return result;
  } finally {
    over.abort();
    await Promise.allSettled([message, exit]);
  }
}
