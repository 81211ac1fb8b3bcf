/**
 * Where the parts of a shard's state stand until the shard has taken them over.
 *
 * Bounds  One part a shard at a time (at most `maximumInstallBytes`); the stream that brings the next one is not read
 *         meanwhile.
 */
import type { StagingPlace } from "./staging-pool.ts";

export interface InstallPlaces {
  /** @param settle called once, from `request` itself or later, unless cancelled before */
  request(bytes: number, settle: (place: StagingPlace) => void): { cancel(): void };
  readonly idle: boolean;
}

const noFloats = new Float32Array(0);

export function createInstallPlaces(): InstallPlaces {
  const waiting = new Set<() => void>();
  let taken = false;
  const next = (): void => {
    const [first] = waiting;
    if (taken || first === undefined) return;
    waiting.delete(first);
    first();
  };
  return {
    request(bytes, settle) {
      const serve = (): void => {
        taken = true;
        settle({ bytes: new Uint8Array(bytes), floats: noFloats, release: once(giveBack) });
      };
      waiting.add(serve);
      next();
      return { cancel: () => void waiting.delete(serve) };
    },
    get idle() {
      return !taken && waiting.size === 0;
    },
  };

  function giveBack(): void {
    taken = false;
    next();
  }
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    act();
  };
}
