/** Where workers keep what they must not forget of a run: bytes by run and worker, whole or not at all. */
export interface WorkerStateStore {
  /** Replaces what was there. @throws ShoalError file_not_writable */
  save(run: string, worker: string, bytes: Uint8Array): Promise<void>;
  /** @returns undefined where there is nothing */
  load(run: string, worker: string): Promise<Uint8Array | undefined>;
  /** Also where there is nothing. */
  remove(run: string, worker: string): Promise<void>;
}

/** Lives as long as its process: for workers that join again without ending. Bound: one state a run and worker. */
export function createMemoryStateStore(): WorkerStateStore {
  const kept = new Map<string, Uint8Array>();
  const key = (run: string, worker: string): string => JSON.stringify([run, worker]);
  return {
    save(run, worker, bytes) {
      kept.set(key(run, worker), bytes);
      return Promise.resolve();
    },
    load: (run, worker) => Promise.resolve(kept.get(key(run, worker))),
    remove(run, worker) {
      kept.delete(key(run, worker));
      return Promise.resolve();
    },
  };
}
