/**
 * From single waits to chains: who is waited for and waits for nobody, and everybody who would go on without it.
 *
 * A wait-for graph (Holt 1972): an edge from each waiter to each of those it waits for. Roots are nodes that are waited
 * for and do not wait; a circle without a way to a root is a cause of its own.
 *
 * Bounds      `maximumEdges` waits, which are few once alike ones are put together; each is looked at once for each root.
 * Invariants
 *   G1  Whoever waits is in at least one chain, unless chains had to be left out.
 *   G2  Nothing is visited twice for one root, so circles end.
 */
import { explanationBounds, type WaitLink } from "@shoal/protocol";

/** One waiter and whom it waits for. */
export interface WaitEdge {
  readonly waiter: string;
  readonly waitingFor: readonly string[];
  readonly reason: string;
  readonly forMs: number | null;
}

export interface RootCause {
  /** One name; of a circle several. */
  readonly names: readonly string[];
  readonly isCircle: boolean;
  /** Nearest to the root first. */
  readonly links: readonly WaitLink[];
  readonly waiting: number;
}

/** Waits that are looked at: 16,384. Of more, the later ones are left out. */
const maximumEdges = 16_384;

/** Everybody who waits for the same, for the same reason. */
interface Wait {
  readonly waiters: Set<string>;
  readonly waitingFor: readonly string[];
  readonly reason: string;
  forMs: number | null;
}

/** Root causes, the one that most wait for first; then the one that is waited for longest, then by name. */
export function findRootCauses(edges: readonly WaitEdge[]): readonly RootCause[] {
  const real = edges.filter(({ waitingFor }) => waitingFor.length > 0).slice(0, maximumEdges);
  const waits = putTogether(real);
  const byAwaited = new Map<string, Wait[]>();
  for (const wait of waits)
    for (const name of wait.waitingFor) (byAwaited.get(name) ?? start(byAwaited, name)).push(wait);
  const waiters = new Set(real.map(({ waiter }) => waiter));
  const roots = [...byAwaited.keys()].filter((name) => !waiters.has(name));
  const reached = new Set<string>();
  const causes = roots.map((name) => causeOf([name], byAwaited, reached));
  for (const waiter of waiters) {
    if (reached.has(waiter)) continue;
    const circle = circleFrom(waiter, real);
    causes.push({ ...causeOf(circle, byAwaited, reached), isCircle: true });
  }
  return causes.toSorted(moreImportant).slice(0, explanationBounds.chains);
}

function start(index: Map<string, Wait[]>, name: string): Wait[] {
  const list: Wait[] = [];
  index.set(name, list);
  return list;
}

function putTogether(edges: readonly WaitEdge[]): readonly Wait[] {
  const waits = new Map<string, Wait>();
  for (const { waiter, waitingFor, reason, forMs } of edges) {
    const key = [reason, ...waitingFor].join("\n");
    const known = waits.get(key);
    if (known === undefined) {
      waits.set(key, { waiters: new Set([waiter]), waitingFor, reason, forMs });
      continue;
    }
    known.waiters.add(waiter);
    if (forMs !== null) known.forMs = Math.max(known.forMs ?? 0, forMs);
  }
  return [...waits.values()];
}

function moreImportant(a: RootCause, b: RootCause): number {
  const longest = ({ links }: RootCause): number => Math.max(0, ...links.map(({ forMs }) => forMs ?? 0));
  return b.waiting - a.waiting || longest(b) - longest(a) || ((a.names[0] ?? "") < (b.names[0] ?? "") ? -1 : 1);
}

/** @param reached gets the cause and everybody who waits for it */
function causeOf(
  names: readonly string[],
  byAwaited: ReadonlyMap<string, readonly Wait[]>,
  reached: Set<string>,
): RootCause {
  const found = new Set(names);
  const used = new Set<Wait>();
  const links: WaitLink[] = [];
  // The set grows while it is walked: the nearest come first.
  for (const name of found) {
    for (const wait of byAwaited.get(name) ?? []) {
      if (used.has(wait)) continue; // G2
      used.add(wait);
      if (links.length < explanationBounds.links) links.push(linkOf(wait, name));
      for (const waiter of wait.waiters) found.add(waiter);
    }
  }
  for (const name of found) reached.add(name);
  return { names, isCircle: false, links, waiting: found.size - names.length };
}

/** @param towards the one of those waited for that leads to the cause: it stands first */
function linkOf({ waiters, waitingFor, reason, forMs }: Wait, towards: string): WaitLink {
  const { names } = explanationBounds;
  const others = waitingFor.filter((name) => name !== towards);
  return { waiters: [...waiters].slice(0, names), waitingFor: [towards, ...others].slice(0, names), reason, forMs };
}

/** Follows the first edge of each node until one comes again. */
function circleFrom(start: string, edges: readonly WaitEdge[]): readonly string[] {
  const next = new Map<string, string>();
  for (const { waiter, waitingFor } of edges) {
    const [first] = waitingFor;
    if (first !== undefined && !next.has(waiter)) next.set(waiter, first);
  }
  const path: string[] = [];
  let at: string | undefined = start;
  while (at !== undefined && !path.includes(at)) {
    path.push(at);
    at = next.get(at);
  }
  return at === undefined ? path : path.slice(path.indexOf(at));
}
