import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideEntry, type EntryFacts } from "./decide-entry.ts";
import { createHistory, type History } from "./history.ts";

function decide(history: History, term: number, entry: EntryFacts["entry"], isPrimary = false) {
  const { index, madeIn } = history;
  const known = { term, index, madeIn, madeInThere: history.madeInAt(entry.index) };
  return decideEntry({ known, isPrimary, entry });
}

/** A copy whose entries were made in these terms. */
function historyOf(...terms: readonly number[]): History {
  const history = createHistory();
  for (const term of terms) history.add(term);
  return history;
}

describe("an entry that a copy is sent", () => {
  test("is applied when it follows the newest one of the same history", () => {
    const next = { term: 2, index: 4, madeIn: 2, previousMadeIn: 2 };
    expect(decide(historyOf(1, 1, 2), 2, next).kind).toBe("apply");
    expect(decide(historyOf(), 2, { ...next, index: 1, previousMadeIn: 0 }).kind).toBe("apply");
  });

  test("of a term that is over is refused, and so is one of a second primary in a term", () => {
    const next = { term: 2, index: 4, madeIn: 2, previousMadeIn: 2 };
    expect(decide(historyOf(1, 1, 2), 3, next).kind).toBe("stale_term");
    expect(decide(historyOf(1, 1, 2), 2, next, true).kind).toBe("stale_term");
    expect(decide(historyOf(1, 1, 2), 1, next, true).kind).toBe("apply");
  });

  test("that comes too early says from where to go on", () => {
    const later = { term: 2, index: 9, madeIn: 2, previousMadeIn: 2 };
    expect(decide(historyOf(1, 1, 2), 2, later)).toMatchObject({ kind: "gap", index: 3 });
  });

  test("that was sent again is known by its place and term", () => {
    const again = { term: 4, index: 2, madeIn: 1, previousMadeIn: 1 };
    expect(decide(historyOf(1, 1, 2), 4, again).kind).toBe("repeated");
  });

  test("shows a copy that it has entries which were lost with their primary", () => {
    // This copy alone has the third entry of term 1; the primary of term 2 made another third one.
    const third = { term: 2, index: 3, madeIn: 2, previousMadeIn: 1 };
    expect(decide(historyOf(1, 1, 1), 1, third)).toMatchObject({ kind: "gap", index: 0 });
    const fourth = { term: 2, index: 4, madeIn: 2, previousMadeIn: 2 };
    expect(decide(historyOf(1, 1, 1), 1, fourth)).toMatchObject({ kind: "gap", index: 0 });
  });

  test("of two histories: a copy that says it has an entry has all before it as well", () => {
    const terms = fc.array(fc.nat(3), { minLength: 1, maxLength: 12 }).map((each) => each.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(terms, terms, fc.nat(12), (ours, theirs, common) => {
        // Two copies share a beginning; what follows was made by primaries of different terms (odd and even).
        const shared = ours.slice(0, common).map((term) => 2 * term + 2);
        const base = shared.at(-1) ?? 2;
        const here = [...shared, ...ours.slice(common).map((term) => base + 2 * term + 1)];
        const there = [...shared, ...theirs.map((term) => base + 2 * term + 2)];
        const history = historyOf(...here);
        for (let index = 1; index <= there.length; index += 1) {
          const madeIn = there[index - 1] ?? 0;
          const entry = { term: 99, index, madeIn, previousMadeIn: there[index - 2] ?? 0 };
          const { kind } = decide(history, 1, entry);
          const isHere = index <= here.length && index <= shared.length;
          const follows = index === here.length + 1 && here.length <= shared.length;
          expect(kind === "repeated").toBe(isHere);
          expect(kind === "apply").toBe(follows);
        }
      }),
    );
  });
});

describe("the history of a copy", () => {
  test("knows the term of every entry until it is replaced", () => {
    const history = historyOf(1, 1, 3);
    expect([0, 1, 2, 3, 4].map((index) => history.madeInAt(index))).toEqual([undefined, 1, 1, 3, undefined]);
    history.replace(10, 4);
    expect([history.index, history.madeIn, history.madeInAt(9), history.madeInAt(10)]).toEqual([10, 4, undefined, 4]);
  });

  test("forgets the terms of long ago", () => {
    const history = historyOf(...Array.from({ length: 100 }, (_, term) => term + 1));
    expect([history.madeInAt(1), history.madeInAt(100)]).toEqual([undefined, 100]);
  });
});
