import { createMemoryStore, createSimulatedClock, simulate, type StateStore } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { nothingCarried, type RoundEffect } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { createRecordWriter, type RecordWriter } from "./record-writer.ts";
import { taskKey, type TaskRecord } from "./task-record.ts";

const recordOf = (step: number, term = 1): TaskRecord => ({
  ...{ term, step, versions: [], outcomes: [], lasting: { clip: null, ledger: null, control: null, log: null } },
  round: { phase: "abandoned", number: 0, atMs: 0, reason: "", carried: nothingCarried, isTorn: false },
});
const effect = (clients: string): RoundEffect => ({ type: "discard", clients: [clients], reason: "" });

async function createScene(spoil: (store: StateStore) => StateStore = (store) => store) {
  const clock = createSimulatedClock();
  const store = createMemoryStore();
  const revision = await store.create(taskKey("r"), recordOf(0));
  /** What had been written when an effect left. */
  const left: { readonly client: string | undefined; readonly step: number }[] = [];
  const failures: ShoalError[] = [];
  const pending: Promise<void>[] = [];
  const stored = async (): Promise<TaskRecord> => (await store.get(taskKey("r")))?.value as TaskRecord;
  const writer: RecordWriter = createRecordWriter({
    ...{ run: "r", clock, store: spoil(store), revision },
    onEffect(each) {
      const client = each.type === "discard" ? each.clients[0] : undefined;
      pending.push(stored().then(({ step }) => void left.push({ client, step })));
    },
    onFailed: (error) => void failures.push(error),
  });
  const settled = async (): Promise<void> => {
    await writer.written();
    await Promise.all(pending);
  };
  return { clock, store, writer, left, failures, stored, settled };
}

const away = (): ShoalError => new ShoalError("store_unavailable", "the store is away");

describe("the writer of a task's record", () => {
  it("lets effects leave only when what asked for them is written, in their order", async () => {
    const { writer, left, settled, stored } = await createScene();
    for (const step of [1, 2, 3]) writer.put(recordOf(step), [effect(`of ${step}`)]);
    await settled();
    expect(left.map(({ client }) => client)).toEqual(["of 1", "of 2", "of 3"]);
    for (const { client, step } of left) expect(step).toBeGreaterThanOrEqual(Number(client?.slice(3)));
    expect((await stored()).step).toBe(3);
  });

  it("tries again while the store is away, and loses no effect", async () => {
    let failures = 3;
    const { clock, writer, left, settled } = await createScene((store) => ({
      ...store,
      async update(...write) {
        if (--failures >= 0) throw away();
        return store.update(...write);
      },
    }));
    writer.put(recordOf(1), [effect("a")]);
    await simulate(clock, settled());
    expect(left).toEqual([{ client: "a", step: 1 }]);
    expect(clock.now()).toBe(200 + 400 + 600);
  });

  it("goes on after a write that was done though nobody heard of it", async () => {
    let times = 0;
    const { clock, writer, left, settled, stored } = await createScene((store) => ({
      ...store,
      async update(...write) {
        const revision = await store.update(...write);
        if (++times === 1) throw away();
        return revision;
      },
    }));
    writer.put(recordOf(1), [effect("a")]);
    await simulate(clock, settled());
    writer.put(recordOf(2), [effect("b")]);
    await simulate(clock, settled());
    expect(left.map(({ client }) => client)).toEqual(["a", "b"]);
    expect((await stored()).step).toBe(2);
  });

  it("stops when another aggregator has written, and tells nobody anything any more", async () => {
    const { clock, store, writer, left, failures, settled, stored } = await createScene();
    const found = await store.get(taskKey("r"));
    await store.update(taskKey("r"), recordOf(9, 2), found?.revision ?? 0);
    writer.put(recordOf(1), [effect("a")]);
    await expect(simulate(clock, settled())).rejects.toMatchObject({
      code: "stale_term",
      details: { term: 2, own: 1 },
    });
    writer.put(recordOf(2), [effect("b")]);
    await expect(writer.written()).rejects.toMatchObject({ code: "stale_term" });
    expect(failures).toHaveLength(1);
    expect(left).toEqual([]);
    expect((await stored()).step).toBe(9);
  });

  it("stops at a record that cannot be stored, and says so", async () => {
    const { clock, writer, failures, settled } = await createScene();
    const outcomes = Array.from({ length: 20_000 }, (_, index) => [`contribution ${index}`, true, 1] as const);
    writer.put({ ...recordOf(1), outcomes }, []);
    await expect(simulate(clock, settled())).rejects.toMatchObject({ code: "payload_too_large" });
    expect(failures).toHaveLength(1);
  });

  it("can always write the largest record: its bounds were chosen for that", async () => {
    const { writer, settled, stored } = await createScene();
    const name = (index: number): string => `${index}`.padEnd(63, "x");
    const all = Array.from({ length: 1_024 }, (_, index) => index);
    const plan = {
      ...({
        arrival: "round",
        goal: 1_024,
        minimum: 1,
        invited: 1_024,
        carriesOver: false,
        maximumStaleness: 0,
      } as const),
      ...{ selectionTimeoutMs: 1e8, configurationTimeoutMs: 1e8, reportingTimeoutMs: 1e8, commitTimeoutMs: 1e8 },
    };
    const at = Date.UTC(2030, 0) + 0.123;
    writer.put(
      {
        ...recordOf(1),
        outcomes: all.map((index) => [`${index}`.padStart(32, "f"), true, 1_000_000] as const),
        round: {
          ...{ phase: "reporting", plan, number: 1_000_000, asOfMs: at, deadlineMs: at, available: 1, drawing: null },
          members: all
            .slice(512)
            .map((index) => ({ client: name(index), status: "training", sinceRound: 1e6, byMs: at })),
          reports: all.slice(0, 512).map((index) => ({
            ...{ client: name(index), contribution: `${index}`.padStart(32, "f"), sinceRound: 1_000_000 },
          })),
          ...{ gone: [], restarts: 0 },
        },
      },
      [],
    );
    await settled();
    expect((await stored()).step).toBe(1);
  });
});
