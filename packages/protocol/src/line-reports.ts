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
  /** The connection to this node has broken, or could not be made. @param error of a call; nothing happens unless it says so */
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

export function createLineReports({ clock, coordinator, speaker }: LineReportsOptions): LineReports {
  const broken = new Map<string, { readonly sinceMs: number; reportedAtMs: number }>();
  return {
    broke(node, error) {
      if (error !== undefined && error.code !== "transport_lost") return;
      const { silentMs } = error?.details ?? {};
      const now = clock.now();
      const known = broken.get(node);
      const isOld = known === undefined || now - known.reportedAtMs > forgetMs;
      const line = isOld
        ? { sinceMs: now - (typeof silentMs === "number" ? silentMs : 0), reportedAtMs: Number.NEGATIVE_INFINITY }
        : known;
      if (now - line.reportedAtMs < restMs) return;
      const from = speaker();
      if (from === undefined) return;
      const [oldest] = broken.keys();
      if (broken.size >= maximumNodes && oldest !== undefined) broken.delete(oldest);
      line.reportedAtMs = now;
      broken.set(node, line);
      const { member, incarnation } = from;
      // Lost, it is said again with the next attempt; and the lease of whoever is dead ends all the same.
      tryTell(coordinator, { type: "report_broken_line", member, incarnation, node, forMs: now - line.sinceMs });
    },
    works: (node) => void broken.delete(node),
  };
}
