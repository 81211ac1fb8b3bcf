/**
 * From single waits to chains: who is waited for and waits for nobody, and everybody who would go on without it.
 *
 * A wait-for graph (Holt 1972): an edge from each waiter to each of those it waits for. Roots are nodes that are waited
 * for and do not wait; a circle without a way to a root is a cause of its own.
 *
 * Bounds      One pass over the edges for each root, at most `explanationBounds.chains` roots; links and names are cut.
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

/** Root causes, the one that most wait for first; then the one that is waited for longest, then by name. */
export function findRootCauses(edges: readonly WaitEdge[]): readonly RootCause[] {
  const real = edges.filter(({ waitingFor }) => waitingFor.length > 0);
  const waiters = new Set(real.map(({ waiter }) => waiter));
  const awaited = new Set(real.flatMap(({ waitingFor }) => waitingFor));
  const roots = [...awaited].filter((name) => !waiters.has(name)).map((name) => [name]);
  const reached = new Set<string>();
  const causes = roots.map((names) => causeOf(names, real, reached));
  for (const waiter of waiters) {
    if (reached.has(waiter)) continue;
    const circle = circleFrom(waiter, real);
    for (const name of circle) reached.add(name);
    causes.push({ ...causeOf(circle, real, reached), isCircle: true });
  }
  return causes.toSorted(moreImportant).slice(0, explanationBounds.chains);
}

function moreImportant(a: RootCause, b: RootCause): number {
  const longest = ({ links }: RootCause): number => Math.max(0, ...links.map(({ forMs }) => forMs ?? 0));
  return b.waiting - a.waiting || longest(b) - longest(a) || ((a.names[0] ?? "") < (b.names[0] ?? "") ? -1 : 1);
}

/** @param reached gets everybody who waits for the cause */
function causeOf(names: readonly string[], edges: readonly WaitEdge[], reached: Set<string>): RootCause {
  const found = new Set(names);
  const links: WaitLink[] = [];
  const used = new Set<WaitEdge>();
  for (let front: readonly string[] = names; front.length > 0;) {
    const inFront = new Set(front);
    const next = edges.filter((edge) => !used.has(edge) && edge.waitingFor.some((name) => inFront.has(name))); // G2
    for (const edge of next) used.add(edge);
    links.push(...merge(next, inFront));
    front = [...new Set(next.map(({ waiter }) => waiter))].filter((waiter) => !found.has(waiter));
    for (const name of front) found.add(name);
  }
  for (const name of found) reached.add(name);
  const waiting = found.size - names.length;
  return { names, isCircle: false, links: links.slice(0, explanationBounds.links), waiting };
}

/** Edges for the same reason become one link; of those waited for, the ones in the chain come first. */
function merge(edges: readonly WaitEdge[], inFront: ReadonlySet<string>): readonly WaitLink[] {
  const groups = Map.groupBy(edges, ({ waitingFor, reason }) => [...waitingFor.toSorted(), reason].join("\n"));
  return [...groups.values()].map((group) => {
    const [first] = group;
    const ages = group.flatMap(({ forMs }) => (forMs === null ? [] : [forMs]));
    const waitingFor = (first?.waitingFor ?? []).toSorted((a, b) => Number(inFront.has(b)) - Number(inFront.has(a)));
    return {
      waiters: [...new Set(group.map(({ waiter }) => waiter))].slice(0, explanationBounds.names),
      waitingFor: waitingFor.slice(0, explanationBounds.names),
      reason: first?.reason ?? "",
      forMs: ages.length === 0 ? null : Math.max(...ages),
    };
  });
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
