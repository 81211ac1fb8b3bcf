/** Threads that train a round's clients. What a client comes to depends on its task alone, not on who trains it. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Dataset, ModelSpec } from "@shoal/models";

/** What all clients share. The splits stand on shared memory: threads do not copy them. */
export interface TrainingGround {
  readonly dataset: Dataset;
  readonly spec: ModelSpec;
  readonly batchSize: number;
}

export interface ClientTask {
  /** The received values. */
  readonly parameters: Float32Array;
  /** The client's samples of the training split. */
  readonly indices: Uint32Array;
  readonly epochs: number;
  readonly learningRate: number;
  readonly seed: number;
  /** True for a client that takes every digit d for 9 − d. */
  readonly flipped: boolean;
}

export interface TrainedClient {
  readonly update: Float32Array;
  readonly samples: number;
  readonly loss: number;
}

export interface ClientPool {
  /** @returns in the order of the tasks @throws what a thread fails with */
  train(tasks: readonly ClientTask[]): Promise<readonly TrainedClient[]>;
  close(): Promise<void>;
}

export function createClientPool(ground: TrainingGround, threads: number): ClientPool {
  const script = new URL("./client-thread.ts", import.meta.url);
  const workers = Array.from({ length: threads }, () => new Worker(script, { workerData: ground }));
  return {
    async train(tasks) {
      const results: (TrainedClient | undefined)[] = tasks.map(() => undefined);
      const waiting = [...tasks.entries()];
      const hands = workers.map(async (worker) => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const [at, task] = next;
          results[at] = await trainOn(worker, task);
        }
      });
      await Promise.all(hands);
      return results.flatMap((result) => (result === undefined ? [] : [result]));
    },
    close: async () => void (await Promise.all(workers.map((worker) => worker.terminate()))),
  };
}

async function trainOn(worker: Worker, task: ClientTask): Promise<TrainedClient> {
  const over = new AbortController();
  const { signal } = over;
  const message = once(worker, "message", { signal }) as Promise<[TrainedClient]>;
  // `once` rejects on "error" of itself.
  const exit = once(worker, "exit", { signal }).then(([code]) => {
    throw new Error(`a client's thread ended with ${String(code)}`);
  });
  worker.postMessage(task);
  try {
    const [trained] = await Promise.race([message, exit]);
    return trained;
  } finally {
    over.abort();
    await Promise.allSettled([message, exit]);
  }
}
