import { createMemoryStore, createSimulatedClock, simulate, type StateStore } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { describeVector, mostHeld, nothingCarried, verifyChain, type RoundSummary } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import type { StoredContribution } from "../contributions/contribution-store.ts";
import { createRoundKeeper } from "../keeper/round-keeper.ts";
import { newestRecordKey, taskKey, type TaskRecord } from "../keeper/task-record.ts";
import { createRoundLog } from "./round-log.ts";
import { roundRecord, type RoundRecord } from "./round-record.ts";
import { createTimeline, type Happenings } from "./timeline.ts";

const ended = { phase: "abandoned", atMs: 0, reason: "", carried: nothingCarried, isTorn: false } as const;
const summary: RoundSummary = {
  ...{ round: 1, outcome: "abandoned", version: 0, contributions: 0, samples: 0, trainingLoss: null },
  ...{ testAccuracy: null, testLoss: null, hash: "", record: "", bytesDown: 0, bytesUp: 0, epsilon: null, reason: "" },
};

function bodyOf(
  round: number,
  contributed: readonly StoredContribution[] = [],
  happened = createTimeline().now,
): RoundRecord {
  const facts = {
    run: "r",
    step: 0,
    round: { ...ended, number: round },
    summary,
    contributed,
    measuredByClients: null,
    ledger: null,
  };
  return roundRecord({ ...facts, happened: { ...happened, round } });
}

function contributionOf(client: string, index: number): StoredContribution {
  const content = new Uint8Array(8);
  const ids = { id: `${index}`.padStart(32, "0"), task: "t", round: 1, client, baseVersion: 0 };
  const figures = { samples: 12_345, steps: 1, loss: -1 / 3, encoding: "float32", content: describeVector(content) };
  return { offer: { ...ids, ...figures }, content };
}

function happeningsOf(asked: readonly string[], left: readonly string[], reason: string): Happenings {
  const dropped = left.map((client) => ({ client, reason, atMs: 1_763_795_646_123 }));
  return { round: 1, phases: [], asked, dropped, reason: "" };
}

async function createScene(term = 1, store: StateStore = createMemoryStore()) {
  const clock = createSimulatedClock();
  const lasting = { clip: null, ledger: null, control: null, log: null };
  const fresh: TaskRecord = { term, step: 0, round: { ...ended, number: 0 }, versions: [], outcomes: [], lasting };
  const known = await store.get(taskKey("r"));
  const record = { ...fresh, ...(known?.value as TaskRecord | undefined), term };
  const revision =
    known === undefined
      ? await store.create(taskKey("r"), record)
      : await store.update(taskKey("r"), record, known.revision);
  const nothing = (): void => undefined;
  const writer = { run: "r", clock, store, revision, onEffect: nothing, onFailed: nothing };
  const keeper = createRoundKeeper({ ...writer, record, onStep: nothing });
  return { clock, store, keeper, log: createRoundLog({ run: "r", store, clock, keeper }) };
}

describe("the log of rounds", () => {
  it("is one chain, whoever writes it", async () => {
    const first = await createScene();
    const records = [await first.log.append(bodyOf(1)), await first.log.append(bodyOf(2))];
    await first.keeper.written();
    const second = await createScene(2, first.store);
    expect(second.log.newest).toBe(2);
    expect(await second.log.last()).toEqual(records[1]);
    records.push(await second.log.append(bodyOf(3)));
    expect(verifyChain(records)).toMatchObject({ kind: "intact", head: { sequence: 2 } });
  });

  it("gives a round another record where the first one was never finished", async () => {
    const store = createMemoryStore();
    const never = new Promise<number>(() => undefined);
    // It dies before the head is written.
    const first = await createScene(1, { ...store, update: () => never });
    await first.log.append(bodyOf(1));
    const second = await createScene(2, store);
    expect(await second.log.last()).toBeUndefined();
    const again = await second.log.append(bodyOf(1));
    expect(again.sequence).toBe(0);
  });

  it("waits while the store is away, and no longer than the aggregator lives", async () => {
    let isAway = true;
    const store = createMemoryStore();
    const scene = await createScene(1, {
      ...store,
      async create(key, value) {
        if (isAway && key === newestRecordKey("r")) throw new ShoalError("store_unavailable", "the store is away");
        return store.create(key, value);
      },
    });
    const waiting = scene.log.append(bodyOf(1));
    scene.clock.after(5_000, () => (isAway = false));
    await simulate(scene.clock, waiting);
    expect(scene.clock.now()).toBeGreaterThanOrEqual(5_000);

    isAway = true;
    const other = await createScene(2, {
      ...store,
      get: async (key) => (key === newestRecordKey("r") ? Promise.reject(new Error("away")) : store.get(key)),
    });
    const never = other.log.append(bodyOf(2));
    other.clock.after(3_000, () => other.keeper.close());
    await expect(simulate(other.clock, never)).rejects.toMatchObject({ code: "cancelled" });
  });

  it("leaves the record of a newer aggregator alone", async () => {
    const old = await createScene();
    const { store } = old;
    await store.create(newestRecordKey("r"), { term: 7, record: "of the newer one" });
    await old.log.append(bodyOf(1));
    expect((await store.get(newestRecordKey("r")))?.value).toEqual({ term: 7, record: "of the newer one" });
  });

  it("names everybody of a greatest round, however long the names are", async () => {
    const names = Array.from({ length: mostHeld }, (_, index) => `client-${index}`.padEnd(63, "x"));
    const [gave, left] = [names.slice(0, mostHeld / 2), names.slice(mostHeld / 2)];
    const { log, store } = await createScene();
    const { body } = await log.append(bodyOf(1, gave.map(contributionOf), happeningsOf(names, left, "あ".repeat(999))));
    expect(body.asked).toEqual({ count: mostHeld, list: names });
    expect(body.contributed.list.map(({ client }) => client)).toEqual(gave);
    expect(body.dropped.list.map(({ client }) => client)).toEqual(left);
    expect(body.dropped.list[0]?.reason).toMatch(/^あ{16,}$/);
    expect((await store.get(newestRecordKey("r")))?.value).toMatchObject({ record: { body: { round: 1 } } });
    // Also where all of them have given.
    const all = await log.append(bodyOf(2, names.map(contributionOf), happeningsOf(names, [], "")));
    expect(all.body.contributed.list.map(({ client }) => client)).toEqual(names);
  });

  it("says of each all that there is where there is room, and counts names that there is none for", async () => {
    const names = Array.from({ length: 500 }, (_, index) => `client-${index}`);
    const few = bodyOf(1, names.map(contributionOf), happeningsOf(names, ["a"], "x".repeat(200)));
    expect(few.contributed.list[7]?.contribution).toHaveLength(32);
    expect(few.dropped.list[0]?.reason).toHaveLength(128);
    // Others take the place of those who do not take part: far more may be asked than take part.
    const many = Array.from({ length: 20_000 }, (_, index) => `client-${index}`);
    const { body } = await (await createScene()).log.append(bodyOf(1, [], happeningsOf(many, many, "no")));
    expect(body.asked.count).toBe(20_000);
    expect(body.dropped.count).toBe(20_000);
    expect(body.asked.list.length).toBeGreaterThan(2_000);
    expect(body.asked.list).toEqual(many.slice(0, body.asked.list.length));
  });

  it("takes every reason that a client may give, also where it is cut within a character", async () => {
    const timeline = createTimeline();
    timeline.stepped({ state: { ...ended, number: 1 }, effects: [], reason: "" }, 0);
    timeline.dropped("a", `${"x".repeat(127)}😀`, 0);
    const { log } = await createScene();
    const { body } = await log.append(bodyOf(1, [], timeline.now));
    expect(body.dropped.list[0]?.reason).toBe(`${"x".repeat(127)}\ufffd`);
  });
});

describe("a timeline", () => {
  it("holds when each phase began, who was asked, and the first reason of who left", () => {
    const timeline = createTimeline();
    const step = (
      number: number,
      nowMs: number,
      effects: Parameters<typeof timeline.stepped>[0]["effects"] = [],
    ): void => timeline.stepped({ state: { ...ended, number }, effects, reason: "because" }, nowMs);
    step(1, 5);
    step(2, 10, [{ type: "offer", clients: ["a", "b"], answerWithinMs: 1, reportWithinMs: 1 }]);
    timeline.dropped("a", "it declined: \u001b[2J\r\u202eno", 20);
    step(2, 30, [{ type: "discard", clients: ["a", "b"], reason: "it did not answer in time" }]);
    expect(timeline.now).toEqual({
      ...{ round: 2, reason: "because", phases: [{ phase: "abandoned", atMs: 10 }], asked: ["a", "b"] },
      dropped: [
        { client: "a", reason: "it declined:  [2J  no", atMs: 20 },
        { client: "b", reason: "it did not answer in time", atMs: 30 },
      ],
    });
  });
});
