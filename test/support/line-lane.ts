/**
 * One direction of a line of so many bytes a second: a token bucket that all who send share, first come first served.
 *
 * What is sent leaves when what was sent before it has had its time; after a pause up to `burstBytes` leave at once.
 */
export interface Lane {
  /** Calls `leave` when the bytes leave, in the order of the calls. */
  pass(bytes: number, leave: () => void): void;
  /** From what is sent next on; what waits for its time keeps it. */
  limit(bytesPerSecond: number): void;
}

export interface LaneOptions {
  /** Infinity: no limit. */
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
}

export function createLane(options: LaneOptions): Lane {
  const { burstBytes } = options;
  let { bytesPerSecond } = options;
  const queue: { readonly bytes: number; readonly leave: () => void }[] = [];
  const msOf = (bytes: number): number => (1000 * bytes) / bytesPerSecond;
  /** When everything that has left has had its time. */
  let freeAtMs = 0;
  let waits = false;
  const serve = (): void => {
    waits = false;
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      const now = performance.now();
      const startAtMs = Math.max(freeAtMs, now - msOf(burstBytes));
      if (startAtMs > now) {
        waits = true;
        setTimeout(serve, startAtMs - now);
        return;
      }
      freeAtMs = startAtMs + msOf(first.bytes);
      queue.shift();
      first.leave();
    }
  };
  return {
    pass(bytes, leave) {
      queue.push({ bytes, leave });
      if (!waits) serve();
    },
    limit(rate) {
      bytesPerSecond = rate;
    },
  };
}
