import {
  createActorSystem,
  createInProcessBus,
  createMemoryStore,
  createRandom,
  createSimulatedClock,
  runSimulation,
  type Ref,
  type StateStore,
} from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import { createJournal, type JournalCommand, type JournalReport } from "./journal.ts";

const value = (term: number, content: string): unknown => ({ format: 1, term, content });

/** A store that cannot be reached for a number of writes. */
function unreachable(store: StateStore, writes: number): StateStore {
  let left = writes;
  const fail = <T>(then: () => Promise<T>): Promise<T> =>
    left-- > 0 ? Promise.reject(new ShoalError("store_unavailable", "no connection")) : then();
  return {
    ...store,
    create: (key, content) => fail(() => store.create(key, content)),
    update: (key, content, revision) => fail(() => store.update(key, content, revision)),
  };
}

let marks = 0;

function scene(store: StateStore, term = 3) {
  const clock = createSimulatedClock();
  const system = createActorSystem({ node: "n", bus: createInProcessBus(), clock, random: createRandom(1) });
  const reports: JournalReport[] = [];
  const listener: Ref<JournalReport> = system.spawn<JournalReport>("reports", () => (report) => {
    reports.push(report);
  });
  const journal = system.spawn<JournalCommand>("journal", createJournal({ store, term, reports: listener }));
  const keep = (key: string, content: unknown): void =>
    journal.tell({ type: "keep", entries: [{ key, value: content }], mark: ++marks });
  const flush = async (): Promise<void> => {
    journal.tell({ type: "flush", replyTo: listener });
    await runSimulation(clock);
  };
  return { reports, keep, flush };
}

describe("the journal", () => {
  it("writes, replaces and deletes by compare-and-set", async () => {
    const store = createMemoryStore();
    const { keep, flush, reports } = scene(store);
    keep("a", value(3, "one"));
    keep("b", value(3, "two"));
    await flush();
    keep("a", value(3, "three"));
    keep("b", undefined);
    keep("never there", undefined);
    await flush();
    expect((await store.get("a"))?.value).toEqual(value(3, "three"));
    expect(await store.keys("")).toEqual(["a"]);
    expect(reports.map((report) => report.type)).toEqual([
      "journal_kept",
      "journal_flushed",
      "journal_kept",
      "journal_flushed",
    ]);
  });

  it("goes on from records of an earlier term", async () => {
    const store = createMemoryStore();
    await store.create("a", value(2, "old"));
    await store.create("b", value(2, "old"));
    const { keep, flush } = scene(store);
    keep("a", value(3, "new"));
    keep("b", undefined);
    await flush();
    expect((await store.get("a"))?.value).toEqual(value(3, "new"));
    expect(await store.keys("")).toEqual(["a"]);
  });

  it("writes no more once it finds a record of a higher term", async () => {
    const store = createMemoryStore();
    await store.create("a", value(4, "theirs"));
    const { keep, flush, reports } = scene(store);
    keep("a", value(3, "mine"));
    keep("b", value(3, "mine"));
    await flush();
    expect((await store.get("a"))?.value).toEqual(value(4, "theirs"));
    expect(await store.keys("")).toEqual(["a"]);
    expect(reports[0]).toMatchObject({ type: "journal_superseded", reason: "a was written under term 4; mine is 3" });
  });

  it("tries again while the store is away, with the newest value, and answers a flush only then", async () => {
    const store = createMemoryStore();
    const { keep, flush, reports } = scene(unreachable(store, 3));
    keep("a", value(3, "one"));
    keep("a", value(3, "two"));
    await flush();
    expect((await store.get("a"))?.value).toEqual(value(3, "two"));
    expect(reports.map((report) => report.type)).toEqual([
      "journal_failed",
      "journal_failed",
      "journal_failed",
      "journal_kept",
      "journal_flushed",
    ]);
  });

  it("gives up what can never be stored, and says so", async () => {
    const store = createMemoryStore();
    const { keep, flush, reports } = scene(store);
    keep("a", value(3, "x".repeat(300 * 1024)));
    keep("b", value(3, "small"));
    await flush();
    expect(await store.keys("")).toEqual(["b"]);
    expect(reports[0]).toMatchObject({ type: "journal_failed", key: "a" });
  });
});
