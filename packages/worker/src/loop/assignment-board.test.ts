import { describe, expect, it } from "vitest";
import { createAssignmentBoard } from "./assignment-board.ts";

const assignment = (revision: number, ...slots: number[]) => ({ revision, slots, initialize: false });

describe("an assignment board", () => {
  it("keeps the newest revision and ignores older ones", () => {
    const board = createAssignmentBoard(assignment(2, 0));
    expect(board.update(assignment(1, 1))).toBe(false);
    expect(board.update(assignment(3, 1, 2))).toBe(true);
    expect(board.current().slots).toEqual([1, 2]);
  });

  it("wakes those who watch for something newer than they know", async () => {
    const board = createAssignmentBoard(assignment(1));
    const { changed } = board.watch(1);
    board.update(assignment(2));
    await changed;
    await board.watch(1).changed; // already there
  });

  it("does not wake those who have stopped watching", async () => {
    const board = createAssignmentBoard(assignment(1));
    const watch = board.watch(1);
    watch.stop();
    board.update(assignment(2));
    const first = await Promise.race([watch.changed.then(() => "woken"), Promise.resolve("not woken")]);
    expect(first).toBe("not woken");
  });
});
