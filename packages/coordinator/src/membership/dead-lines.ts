/**
 * Lines between members that are dead though both live: who said so, and for how long it holds. Pure.
 *
 * A line that breaks and comes back is nobody's business but its ends'. One through which nothing has come for `deadAfterMs`
 * is: the shards have to be where those who need them reach them. Nobody reports a line that he does not use, so what was
 * said is forgotten when it is not repeated.
 *
 * Bounds  `maximumLines`; the oldest is forgotten.
 */
import type { SeatHolder } from "@shoal/protocol";

export interface DeadLine {
  readonly from: number;
  readonly to: number;
  /** When it was found out to be dead, and reported last, ms since the Unix epoch. */
  readonly foundAtMs: number;
  readonly reportedAtMs: number;
}

export type DeadLines = ReadonlyMap<string, DeadLine>;

/** Nothing came through for so long, while it was tried: 1,500. */
const deadAfterMs = 1_500;
/** A dead line is noticed again by its keepalive within 5.5 s: 8,000. */
const forgetAfterMs = 8_000;
const maximumLines = 1024;

/** @param forMs for how long nothing came through */
export function noteLine(
  lines: DeadLines,
  { from, to, forMs }: { readonly from: number; readonly to: number; readonly forMs: number },
  now: number,
): DeadLines {
  const key = `${from}>${to}`;
  const known = lines.get(key);
  if (forMs < deadAfterMs && known === undefined) return lines;
  const next = new Map([...lines].filter(([, line]) => isFresh(line, now)));
  next.delete(key);
  if (forMs < deadAfterMs) return next;
  const [oldest] = next.keys();
  if (next.size >= maximumLines && oldest !== undefined) next.delete(oldest);
  const foundAtMs = known !== undefined && isFresh(known, now) ? known.foundAtMs : now;
  return next.set(key, { from, to, foundAtMs, reportedAtMs: now });
}

/** The dead line between two members; undefined: as far as is known it works. */
export function deadLine(
  lines: DeadLines,
  from: number,
  { member: to }: Pick<SeatHolder, "member">,
  now: number,
): DeadLine | undefined {
  const line = lines.get(`${from}>${to}`);
  return line !== undefined && isFresh(line, now) ? line : undefined;
}

/** Without those of a member in a former life. */
export function withoutLines(lines: DeadLines, member: number): DeadLines {
  return new Map([...lines].filter(([, { from, to }]) => from !== member && to !== member));
}

function isFresh({ reportedAtMs }: DeadLine, now: number): boolean {
  return now - reportedAtMs < forgetAfterMs;
}
