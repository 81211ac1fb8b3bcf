import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addRange, countOf, subtractRange, subtractSet, type IntervalSet } from "./interval-set.ts";
import { complete, createLedger, grant, isComplete, leaseOf, release, type Ledger } from "./ledger.ts";

const one = { member: 1, incarnation: 1 };
const two = { member: 2, incarnation: 1 };

function mustGrant(
  ledger: Ledger,
  holder: typeof one,
  size: number,
): { ledger: Ledger; isTakenOver: boolean; begin: number; end: number } {
  const decision = grant(ledger, holder, size, false);
  if (decision.kind !== "granted") throw new Error(decision.kind);
  return { ledger: decision.ledger, isTakenOver: decision.isTakenOver, ...decision.batches };
}

describe("interval sets", () => {
  const range = fc.tuple(fc.nat(40), fc.nat(10)).map(([begin, length]) => ({ begin, end: begin + length }));
  const numbers = (set: IntervalSet): Set<number> =>
    new Set(set.flatMap(({ begin, end }) => Array.from({ length: end - begin }, (_, index) => begin + index)));

  it("are the sets of their numbers, sorted, disjoint and without neighbours", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), range), { maxLength: 40 }), range, (changes, other) => {
        let set: IntervalSet = [];
        const model = new Set<number>();
        for (const [add, change] of changes) {
          set = add ? addRange(set, change) : subtractRange(set, change);
          for (const number of numbers([change]))
            if (add) model.add(number);
            else model.delete(number);
        }
        expect(numbers(set)).toEqual(new Set([...model].toSorted((a, b) => a - b)));
        expect(countOf(set)).toBe(model.size);
        for (const [index, each] of set.entries()) {
          expect(each.end).toBeGreaterThan(each.begin);
          if (index > 0) expect(each.begin).toBeGreaterThan(set[index - 1]?.end ?? -1);
        }
        expect(numbers(subtractSet(set, [other]))).toEqual(
          new Set([...numbers(set)].filter((n) => n < other.begin || n >= other.end)),
        );
      }),
    );
  });
});

describe("the ledger of batches", () => {
  it("grants the first free batches, and the rest of a lease again when it is asked again", () => {
    const first = mustGrant(createLedger(10), one, 4);
    expect(first).toMatchObject({ begin: 0, end: 4 });
    const second = mustGrant(first.ledger, two, 4);
    expect(second).toMatchObject({ begin: 4, end: 8 });
    const again = mustGrant(second.ledger, one, 4);
    expect(again).toMatchObject({ begin: 0, end: 4 });
    expect(again.ledger).toBe(second.ledger);
    const { ledger } = complete(again.ledger, [{ begin: 0, end: 2 }]);
    expect(mustGrant(ledger, one, 4)).toMatchObject({ begin: 2, end: 4 });
  });

  it("gives what a lost member had not done to the next who asks", () => {
    const first = mustGrant(createLedger(6), one, 6);
    const { ledger } = complete(first.ledger, [{ begin: 1, end: 3 }]);
    expect(grant(ledger, two, 6, false).kind).toBe("pending");
    const returned = release(ledger, one);
    expect(returned.returned).toEqual([
      { begin: 0, end: 1 },
      { begin: 3, end: 6 },
    ]);
    expect(mustGrant(returned.ledger, two, 6)).toMatchObject({ begin: 0, end: 1 });
  });

  it("counts a batch once, also when its lost holder still reports it", () => {
    const first = mustGrant(createLedger(4), one, 4);
    const taken = mustGrant(release(first.ledger, one).ledger, two, 4);
    const late = complete(taken.ledger, [{ begin: 0, end: 3 }]);
    expect(late.added).toEqual([{ begin: 0, end: 3 }]);
    const repeated = complete(late.ledger, [{ begin: 0, end: 4 }]);
    expect(repeated.added).toEqual([{ begin: 3, end: 4 }]);
    expect(repeated.ledger.doneCount).toBe(4);
    expect(leaseOf(repeated.ledger, two)).toBeUndefined();
    expect(grant(repeated.ledger, one, 1, false).kind).toBe("exhausted");
  });

  it("ignores batches beyond the last and empty ranges", () => {
    const { ledger, added } = complete(createLedger(3), [
      { begin: 2, end: 9 },
      { begin: 1, end: 1 },
      { begin: 7, end: 5 },
    ]);
    expect(added).toEqual([{ begin: 2, end: 3 }]);
    expect(ledger.free).toEqual([{ begin: 0, end: 2 }]);
  });

  it("loses no batch and counts none twice in any history of grants, reports, deaths and returns; and every run ends", () => {
    const event = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant("ask" as const), member: fc.nat(3), size: fc.nat(9) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant("report" as const),
          member: fc.nat(3),
          part: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("die" as const), member: fc.nat(3) }) },
      // A member that was given up and reports anyway; any batch, any number of times.
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant("stray" as const), begin: fc.nat(60), length: fc.nat(9) }),
      },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(event, { maxLength: 120 }), (total, history) => {
        let ledger = createLedger(total);
        const lives = [1, 1, 1, 1];
        const done = new Set<number>();
        const holder = (member: number): typeof one => ({ member, incarnation: lives[member] ?? 1 });
        const note = (added: IntervalSet): void => {
          for (const { begin, end } of added) {
            for (let batch = begin; batch < end; batch += 1) {
              expect(done.has(batch)).toBe(false);
              done.add(batch);
            }
          }
        };
        const report = (ranges: IntervalSet): void => {
          const step = complete(ledger, ranges);
          ledger = step.ledger;
          note(step.added);
        };
        const check = (): void => {
          const parts = [ledger.done, ledger.free, ...ledger.leases.map((lease) => lease.remaining)];
          const all = parts.flat().reduce(addRange, [] as IntervalSet);
          expect(all).toEqual([{ begin: 0, end: total }]);
          expect(parts.reduce((sum, part) => sum + countOf(part), 0)).toBe(total);
          expect(ledger.doneCount).toBe(done.size);
          for (const lease of ledger.leases) expect(lease.remaining.length).toBeGreaterThan(0);
        };
        for (const each of history) {
          if (each.kind === "ask") {
            const decision = grant(ledger, holder(each.member), each.size, false);
            if (decision.kind === "granted") ledger = decision.ledger;
          } else if (each.kind === "report") {
            const rest = leaseOf(ledger, holder(each.member))?.remaining[0];
            if (rest !== undefined)
              report([{ begin: rest.begin, end: rest.begin + Math.ceil((rest.end - rest.begin) * each.part) }]);
          } else if (each.kind === "die") {
            ledger = release(ledger, holder(each.member)).ledger;
            lives[each.member] = (lives[each.member] ?? 1) + 1;
          } else report([{ begin: each.begin, end: each.begin + each.length }]);
          check();
        }
        // Whoever is left finishes what is left.
        for (const member of [0, 1, 2]) ledger = release(ledger, holder(member)).ledger;
        for (let turns = 0; !isComplete(ledger); turns += 1) {
          expect(turns).toBeLessThan(total + 1);
          const granted = mustGrant(ledger, holder(3), 7);
          ledger = granted.ledger;
          report([granted]);
          check();
        }
        expect(done.size).toBe(total);
      }),
    );
  });

  it("says of what was leased before that it is taken over, until it is done", () => {
    const first = mustGrant(createLedger(10), { member: 1, incarnation: 1 }, 4);
    expect(first.isTakenOver).toBe(false);
    const { ledger } = release(complete(first.ledger, [{ begin: 0, end: 1 }]).ledger, { member: 1, incarnation: 1 });
    expect(ledger.returned).toEqual([{ begin: 1, end: 4 }]);
    const second = mustGrant(ledger, { member: 2, incarnation: 1 }, 5);
    expect(second).toMatchObject({ isTakenOver: true });
    expect(mustGrant(second.ledger, { member: 2, incarnation: 1 }, 5)).toMatchObject({ isTakenOver: true });
    expect(mustGrant(second.ledger, { member: 3, incarnation: 1 }, 2)).toMatchObject({ isTakenOver: false });
  });
});
