/**
 * A node's word on its connections: tells the coordinator of those that break, as soon as they do. A process that is killed
 * takes its connections with it at once, while its lease lasts on.
 *
 * Bounds  `maximumNodes` connections, the oldest are forgotten; at most one report on each in `restMs`.
 */
import { tryTell, type Clock, type Ref } from "@shoal/actors";
import type { ShoalError } from "@shoal/errors";
import type { CoordinatorMessage } from "./messages/coordinator.ts";

export interface LineReports {
  /**
   * The connection to this node has broken, or could not be made.
   * @param error of a call; nothing happens unless it says so. Without one a stream from there is over, maybe in order
   */
  broke(node: string, error?: ShoalError): void;
  /** Something came through. */
  works(node: string): void;
}

export interface LineReportsOptions {
  readonly clock: Clock;
  readonly coordinator: Ref<CoordinatorMessage>;
  /** Who speaks; undefined: no member at the moment, who says nothing. */
  readonly speaker: () => { readonly member: number; readonly incarnation: number } | undefined;
}

const restMs = 100;
/** Nobody has tried for so long: what is found out then is new. More than a dead line takes to be noticed again. */
const forgetMs = 15_000;
const maximumNodes = 512;
const never = Number.NEGATIVE_INFINITY;

interface Line {
  /** Nothing has come through since, as far as was tried. */
  sinceMs: number;
  /** When a call failed last. */
  triedAtMs: number;
  reportedAtMs: number;
}

function noteAttempt(line: Line, { details }: ShoalError, now: number): void {
  if (now - line.triedAtMs > forgetMs) {
    line.sinceMs = now - (typeof details["silentMs"] === "number" ? details["silentMs"] : 0);
  }
  line.triedAtMs = now;
}

/**
 * Up to the last attempt: a stream that ends is no attempt. Streams between servers end in order with every change of a seat,
 * and then nobody speaks on that line for a while, which must not make it a dead one.
 */
function silenceOf({ sinceMs, triedAtMs }: Line, now: number): number {
  return now - triedAtMs > forgetMs ? 0 : Math.max(0, triedAtMs - sinceMs);
}

export function createLineReports({ clock, coordinator, speaker }: LineReportsOptions): LineReports {
  const broken = new Map<string, Line>();
  return {
    broke(node, error) {
      if (error !== undefined && error.code !== "transport_lost") return;
      const now = clock.now();
      const line = broken.get(node) ?? { sinceMs: now, triedAtMs: never, reportedAtMs: never };
      if (error !== undefined) noteAttempt(line, error, now);
      if (now - line.reportedAtMs < restMs) return;
      const from = speaker();
      if (from === undefined) return;
      const [oldest] = broken.keys();
      if (broken.size >= maximumNodes && oldest !== undefined) broken.delete(oldest);
      line.reportedAtMs = now;
      broken.set(node, line);
      const { member, incarnation } = from;
      // Lost, it is said again with the next attempt; and the lease of whoever is dead ends all the same.
      const forMs = silenceOf(line, now);
      tryTell(coordinator, { type: "report_broken_line", member, incarnation, node, forMs });
    },
    works: (node) => void broken.delete(node),
  };
}
