/** Keeps a number of operations under way for a while, and times them. */
import { nextTurn } from "@shoal/actors";

export interface Load {
  /** Operations kept under way. */
  readonly inFlight: number;
  /** How long new ones are begun, ms; at least `least` are made. */
  readonly durationMs: number;
  readonly least: number;
  readonly now: () => number;
}

export interface Measured {
  readonly operations: number;
  readonly seconds: number;
  /** Of each operation, in the order they ended, µs. */
  readonly latenciesUs: readonly number[];
}

/** @param operate one operation; `lane` counts from 0 to `inFlight` − 1 and is not used twice at a time */
export async function drive(load: Load, operate: (lane: number) => Promise<void>): Promise<Measured> {
  const { inFlight, durationMs, least, now } = load;
  const latenciesUs: number[] = [];
  // What runs within the process alone leaves no room for sockets: connections must not be taken for dead.
  await nextTurn();
  const startedAt = now();
  let begun = 0;
  const runLane = async (lane: number): Promise<void> => {
    while (begun < least || now() - startedAt < durationMs) {
      begun++;
      const at = now();
      await operate(lane);
      latenciesUs.push((now() - at) * 1000);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, lane) => runLane(lane)));
  return { operations: latenciesUs.length, seconds: (now() - startedAt) / 1000, latenciesUs };
}

/** Megabytes (10⁶) a second. */
export function throughputOf({ operations, seconds }: Measured, bytes: number): number {
  return (operations * bytes) / seconds / 1e6;
}

/** @param part 0.5: the median; 0.99: one in a hundred is slower */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}
