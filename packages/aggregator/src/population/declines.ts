/**
 * Clients that declined a round they were drawn for, and rest: the n-th time in a row for `leastRestMs`·2ⁿ⁻¹, at most `mostRestMs`.
 * Taking part ends the row.
 *
 * What is for good does not come here: a device that cannot hold the task is turned away when it checks in, and a client whose
 * data or program do not fit ends its session after it has declined. What remains is for now, and a client is asked again.
 *
 * Invariant  of those who declined equally often the one that did so first comes back first: each step has a queue.
 * Bounds     `mostRemembered` clients, the newest; adding one and finding who comes back next take constant time.
 */

/** After the first time. */
export const leastRestMs = 2_000;
export const mostRestMs = 600_000;
/** From here on all rest equally long. */
const lastStep = Math.ceil(Math.log2(mostRestMs / leastRestMs)) + 1;

export interface Declined {
  /** Client, and clock time from which it may be drawn again. */
  readonly client: string;
  readonly untilMs: number;
}

export interface Declines {
  /** When the first rest is over; undefined: nobody rests. */
  readonly nextMs: number | undefined;
  rests(client: string): boolean;
  /** When its newest rest is over, or was; undefined: it has not declined since it took part. */
  endOf(client: string): number | undefined;
  /** @returns who is forgotten for it */
  add(client: string, nowMs: number): string | undefined;
  /** It has taken part, or nothing of it is to be remembered. */
  forget(client: string): void;
  /** Rests that are over are, and rows that have long been over are forgotten. @returns who may be drawn again */
  release(nowMs: number): readonly string[];
}

interface Row {
  readonly times: number;
  readonly untilMs: number;
}

/** @param times - declines in a row, from 1 */
export function restMs(times: number): number {
  return Math.min(leastRestMs * 2 ** (times - 1), mostRestMs);
}

export function createDeclines(mostRemembered: number): Declines {
  /** In the order of their newest decline. */
  const rows = new Map<string, Row>();
  /** Who rests, by step, in the order in which their rests end. */
  const queues = Array.from({ length: lastStep }, () => new Set<string>());
  const queueOf = ({ times }: Row): Set<string> | undefined => queues[Math.min(times, lastStep) - 1];
  const heads = (): readonly Declined[] =>
    queues.flatMap((queue) => {
      const [client] = queue;
      const row = client === undefined ? undefined : rows.get(client);
      return client === undefined || row === undefined ? [] : [{ client, untilMs: row.untilMs }];
    });
  const forget = (client: string): void => {
    const row = rows.get(client);
    if (row === undefined) return;
    queueOf(row)?.delete(client);
    rows.delete(client);
  };
  return {
    get nextMs() {
      const ends = heads().map(({ untilMs }) => untilMs);
      return ends.length === 0 ? undefined : Math.min(...ends);
    },
    rests(client) {
      const row = rows.get(client);
      return row !== undefined && queueOf(row)?.has(client) === true;
    },
    endOf: (client) => rows.get(client)?.untilMs,
    add(client, nowMs) {
      const times = Math.min((rows.get(client)?.times ?? 0) + 1, lastStep);
      forget(client);
      const row: Row = { times, untilMs: nowMs + restMs(times) };
      rows.set(client, row);
      queueOf(row)?.add(client);
      const [oldest] = rows.keys();
      if (rows.size <= mostRemembered || oldest === undefined) return undefined;
      forget(oldest);
      return oldest;
    },
    forget,
    release(nowMs) {
      const released: string[] = [];
      for (const queue of queues) {
        for (const client of queue) {
          if ((rows.get(client)?.untilMs ?? 0) > nowMs) break;
          queue.delete(client);
          released.push(client);
        }
      }
      forgetOld(nowMs);
      return released;
    },
  };

  /** Whoever declined last is the last: a longer rest may stand before a shorter one, and then keeps it a while. */
  function forgetOld(nowMs: number): void {
    for (const [client, row] of rows) {
      if (nowMs - row.untilMs <= mostRestMs) return;
      forget(client);
    }
  }
}
