import { explanationBounds } from "@shoal/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findRootCauses, type WaitEdge } from "./wait-graph.ts";

const edge = (waiter: string, ...waitingFor: string[]): WaitEdge => ({ waiter, waitingFor, reason: "it", forMs: 1 });

describe("root causes of waits", () => {
  it("are those who are waited for and wait for nobody, with everybody who waits for them, the nearest first", () => {
    const [cause, ...others] = findRootCauses([
      edge("worker-1", "shard-0"),
      edge("shard-0", "worker-3"),
      edge("worker-2", "shard-0"),
    ]);
    expect(others).toEqual([]);
    expect(cause).toMatchObject({ names: ["worker-3"], isCircle: false, waiting: 3 });
    expect(cause?.links.map(({ waiters }) => waiters)).toEqual([["shard-0"], ["worker-1", "worker-2"]]);
  });

  it("come in the order of how many wait for them", () => {
    const causes = findRootCauses([edge("a", "slow"), edge("b", "slower"), edge("c", "slower")]);
    expect(causes.map(({ names }) => names)).toEqual([["slower"], ["slow"]]);
  });

  it("give the age of the oldest of those who wait alike", () => {
    const [cause] = findRootCauses([
      { ...edge("a", "x"), forMs: 10 },
      { ...edge("b", "x"), forMs: 30 },
      { ...edge("c", "x"), forMs: null },
    ]);
    expect(cause?.links).toEqual([{ waiters: ["a", "b", "c"], waitingFor: ["x"], reason: "it", forMs: 30 }]);
  });

  it("may be a circle, with those who wait for it", () => {
    const [cause] = findRootCauses([edge("a", "b"), edge("b", "c"), edge("c", "b")]);
    expect(cause).toMatchObject({ names: ["b", "c"], isCircle: true, waiting: 1 });
  });

  it("do not exist where nobody waits, or nobody knows for whom", () => {
    expect(findRootCauses([])).toEqual([]);
    expect(findRootCauses([edge("a")])).toEqual([]);
  });

  const names = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h");
  const edges = fc.array(
    fc.record({
      waiter: names,
      waitingFor: fc.uniqueArray(names, { minLength: 1, maxLength: 3 }),
      reason: fc.constantFrom("one", "two"),
      forMs: fc.option(fc.nat(1000)),
    }),
    { maxLength: 24 },
  );

  it("account for everybody who waits, whatever waits for what, and end", () => {
    fc.assert(
      fc.property(edges, (given) => {
        const causes = findRootCauses(given);
        const named = new Set(causes.flatMap((cause) => [...cause.names, ...reachable(cause.names, given)]));
        for (const { waiter } of given) expect(named).toContain(waiter);
        const waiters = new Set(given.map(({ waiter }) => waiter));
        for (const cause of causes) {
          if (!cause.isCircle) expect(waiters).not.toContain(cause.names[0]);
          else expect(isCircle(cause.names, given)).toBe(true);
          expect(cause.waiting).toBe(reachable(cause.names, given).size);
          expect(cause.links.length).toBeLessThanOrEqual(explanationBounds.links);
        }
      }),
    );
  });
});

/** Everybody who waits for one of these, directly or not, by repeated looking: the plain way. */
function reachable(names: readonly string[], edges: readonly WaitEdge[]): ReadonlySet<string> {
  const found = new Set(names);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const { waiter, waitingFor } of edges) if (waitingFor.some((name) => found.has(name))) found.add(waiter);
  }
  for (const name of names) found.delete(name);
  return found;
}

function isCircle(names: readonly string[], edges: readonly WaitEdge[]): boolean {
  return names.every((name, index) => {
    const next = names[(index + 1) % names.length] ?? "";
    return edges.some(({ waiter, waitingFor }) => waiter === name && waitingFor.includes(next));
  });
}
