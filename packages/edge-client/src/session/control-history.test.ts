import type { ControlOffer } from "@shoal/federated";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { beginning, entryBefore, withEntry, type ControlHistory } from "./control-history.ts";

const told: ControlOffer = { epoch: 1, counted: [], uncounted: [], undone: [], restorable: [] };
type Told = Partial<ControlOffer>;

const offer = (round: number, control: Told = {}): { readonly round: number; readonly control: ControlOffer } => ({
  round,
  control: { ...told, ...control },
});
const taken = (): boolean => true;
const after = (round: number): Uint8Array => Uint8Array.of(round);

/** The client's rounds, of which all were taken. */
function played(rounds: readonly number[], restorable: readonly number[] = []): ControlHistory {
  return rounds.reduce(
    (history, round) =>
      withEntry(history, offer(round, { restorable: restorable.filter((each) => each < round) }), taken, after(round)),
    beginning("digits", 1),
  );
}

/** The round that the next one begins after; undefined: it is not kept any more. */
const found = (history: ControlHistory, control: Told = {}, isTaken = taken): number | undefined =>
  entryBefore(history, offer(100, control), isTaken)?.round;

describe("what a client keeps of its control", () => {
  it("is what its newest round left, and without that what this began with", () => {
    const history = played([2, 5, 9]);
    expect(found(history)).toBe(9);
    expect(entryBefore(history, offer(9), taken)?.round).toBe(5);
    expect(found(history, { uncounted: [9] })).toBe(5);
    expect(found(history, {}, () => false)).toBe(5);
    expect(found(history, { counted: [9] }, () => false)).toBe(9);
    expect(found(beginning("digits", 1))).toBe(0);
  });

  it("goes back with the run, as far as it was told to keep", () => {
    const history = played([2, 5, 9, 11, 13, 20], [3, 12]);
    expect(found(history, { undone: [[12, 30]] })).toBe(11);
    expect(found(history, { undone: [[3, 30]] })).toBe(2);
    expect(found(history, { undone: [[15, 30]] })).toBe(13);
    // After round 9 it had what is not kept any more: what was there after round 2 is something else.
    expect(found(history, { undone: [[10, 30]] })).toBeUndefined();
    expect(found(played([5, 9, 11]), { undone: [[4, 30]] })).toBeUndefined();
    expect(found(played([5, 9, 11], [4]), { undone: [[4, 30]] })).toBe(0);
  });

  it("belongs to its epoch: one before it is lost", () => {
    expect(found(played([2]), { epoch: 0 })).toBeUndefined();
  });

  it("is what it was after any of the newest two that the run may go back to, and never something else", () => {
    const rounds = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(rounds, fc.uniqueArray(fc.nat(40), { maxLength: 2 }), fc.nat(40), (given, restorable, back) => {
        const own = given.toSorted((a, b) => a - b);
        const history = played(own, restorable);
        const before = (to: number): number => own.findLast((round) => round <= to) ?? 0;
        for (const to of restorable) expect(found(history, { undone: [[to, 50]] })).toBe(before(to));
        expect([before(back), undefined]).toContain(found(history, { undone: [[back, 50]] }));
        expect(history.entries.length).toBeLessThanOrEqual(2 + restorable.length);
      }),
    );
  });
});
