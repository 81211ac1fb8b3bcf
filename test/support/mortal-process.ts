/**
 * What a process that dies at its n-th deed leaves behind: its ports do nothing any more, calls to them never settle, and
 * whoever asks it hears nothing. Deeds are writes to the store (before, and after them), words to clients, and answers.
 */
import type { Clock, StateStore } from "@shoal/actors";
import type { AggregatorPlane } from "@shoal/federated";

export interface MortalProcess {
  readonly clock: Clock;
  readonly store: StateStore;
  readonly plane: AggregatorPlane;
  readonly isDead: boolean;
  /** Deeds so far. */
  readonly deeds: number;
  /** Settles when it dies, with this name for it. */
  readonly died: Promise<"died">;
  /** A deed of its own, if it lives to do it. */
  act(deed: () => void): void;
}

const never = new Promise<never>(() => undefined);

/** @param diesAt - the deed after which it is dead; Infinity: never */
export function createMortalProcess(
  ports: { readonly clock: Clock; readonly store: StateStore; readonly plane: AggregatorPlane },
  diesAt: number,
): MortalProcess {
  const { promise: died, resolve } = Promise.withResolvers<"died">();
  let deeds = 0;
  let isDead = false;
  const act = (deed: () => void): void => {
    if (isDead) return;
    deed();
    deeds += 1;
    if (deeds < diesAt) return;
    isDead = true;
    resolve("died");
  };
  /** The moment before something is done. */
  const begin = (): void => act(() => undefined);
  async function write<T>(call: () => Promise<T>): Promise<T> {
    begin();
    if (isDead) return never;
    const result = await call();
    begin();
    return isDead ? never : result;
  }
  const { clock, store, plane } = ports;
  return {
    get isDead() {
      return isDead;
    },
    get deeds() {
      return deeds;
    },
    died,
    act,
    clock: {
      now: () => clock.now(),
      after: (ms, fire) =>
        clock.after(ms, () => {
          if (!isDead) fire();
        }),
    },
    store: {
      get: async (key) => (isDead ? never : store.get(key)),
      keys: async (prefix) => (isDead ? never : store.keys(prefix)),
      create: (key, value) => write(() => store.create(key, value)),
      update: (key, value, revision) => write(() => store.update(key, value, revision)),
      delete: (key, revision) => write(() => store.delete(key, revision)),
      watch: (prefix, onChange) => store.watch(prefix, onChange),
    },
    plane: {
      serve: (serve) =>
        plane.serve(async (client, request) => {
          if (isDead) return never;
          const reply = await serve(client, request);
          begin();
          return isDead ? never : reply;
        }),
      tell: (client, notice) => act(() => plane.tell(client, notice)),
      tellAll: (notice) => act(() => plane.tellAll(notice)),
    },
  };
}
