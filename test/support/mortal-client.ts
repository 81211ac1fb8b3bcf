/**
 * A joined client that dies at its n-th deed: what it was about to do is not done, it hears nothing any more, and another
 * one begins from what its storage holds. Deeds are writes to the storage (before, and after them), requests (before they
 * leave, and when their answers come) and trainings.
 */
import type { Clock } from "@shoal/actors";
import type { ClientStorage, LocalTrainer } from "@shoal/edge-client";
import type { ClientPlane } from "@shoal/federated";

export interface MortalClient {
  readonly clock: Clock;
  readonly storage: ClientStorage;
  readonly plane: ClientPlane;
  readonly trainer: LocalTrainer;
  readonly deeds: number;
  readonly isDead: boolean;
  readonly died: Promise<"died">;
}

export interface MortalPorts {
  readonly clock: Clock;
  readonly storage: ClientStorage;
  readonly plane: ClientPlane;
  readonly trainer: LocalTrainer;
}

const never = new Promise<never>(() => undefined);

/** @param diesAt - the deed at which it dies; Infinity: never */
export function createMortalClient({ clock, storage, plane, trainer }: MortalPorts, diesAt: number): MortalClient {
  const { promise: died, resolve } = Promise.withResolvers<"died">();
  let deeds = 0;
  let isDead = false;
  const stops: (() => void)[] = [];
  const begin = (): void => {
    if (isDead) return;
    deeds += 1;
    if (deeds < diesAt) return;
    isDead = true;
    for (const stop of stops) stop();
    resolve("died");
  };
  async function act<T>(call: () => Promise<T>): Promise<T> {
    begin();
    if (isDead) return never;
    const result = await call().catch((error: unknown) => {
      if (isDead) return never;
      throw error;
    });
    begin();
    return isDead ? never : result;
  }
  return {
    get deeds() {
      return deeds;
    },
    get isDead() {
      return isDead;
    },
    died,
    clock: {
      now: () => clock.now(),
      after: (ms, fire) =>
        clock.after(ms, () => {
          if (!isDead) fire();
        }),
    },
    storage: {
      get: async (name) => (isDead ? never : storage.get(name)),
      set: (name, content) => act(() => storage.set(name, content)),
      clear: (prefix) => act(() => storage.clear(prefix)),
    },
    plane: {
      request: (request, timeoutMs) => act(() => plane.request(request, timeoutMs)),
      listen(onNotice) {
        const stop = plane.listen((notice) => {
          if (!isDead) onNotice(notice);
        });
        stops.push(stop);
        return stop;
      },
      watch: (onChange) => plane.watch(onChange),
      close: () => plane.close(),
    },
    trainer: {
      ...{ samples: trainer.samples, testSamples: trainer.testSamples },
      train: (task, work) => act(() => trainer.train(task, work)),
      evaluate: async (task, own) => (isDead ? never : trainer.evaluate(task, own)),
      close: async () => undefined,
    },
  };
}
