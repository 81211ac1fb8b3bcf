/**
 * Virtual time beside real cryptography: WebCrypto answers from threads of its own, so before the clock goes on all that is
 * under way there is waited for. Otherwise stages would end while keys are being made.
 */
import { ShoalError } from "@shoal/errors";
import type { SimulatedClock } from "@shoal/actors";

export interface CountedCrypto {
  readonly subtle: SubtleCrypto;
  /** Settles when nothing is under way, and all that follows from it has happened. */
  quiet(): Promise<void>;
}

export function createCountedCrypto(): CountedCrypto {
  const { subtle } = globalThis.crypto;
  const underWay = new Set<Promise<unknown>>();
  const counted = new Proxy(subtle, {
    get(target, name) {
      const method = Reflect.get(target, name) as unknown;
      if (typeof method !== "function") return method;
      return (...args: readonly unknown[]): unknown => {
        const result = Reflect.apply(method, target, args) as Promise<unknown>;
        const done: Promise<unknown> = result.catch(() => undefined);
        underWay.add(done);
        void done.then(() => underWay.delete(done));
        return result;
      };
    },
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    subtle: counted,
    async quiet() {
      await turn();
      while (underWay.size > 0) {
        await Promise.all(underWay);
        await turn();
      }
    },
  };
}

/** As `simulate`, waiting for cryptography between two timers. */
export async function simulateWith<T>(
  { quiet }: CountedCrypto,
  clock: SimulatedClock,
  work: Promise<T>,
  maximumSteps = 100_000,
): Promise<T> {
  let isSettled = false;
  const note = (): void => void (isSettled = true);
  work.then(note, note);
  for (let steps = 0; steps < maximumSteps; steps += 1) {
    await quiet();
    if (isSettled) return work;
    if (!clock.fireNext()) throw new ShoalError("deadline_exceeded", "nothing is left to happen, and the work goes on");
  }
  throw new ShoalError("deadline_exceeded", `the work had not settled after ${maximumSteps} timers`);
}
