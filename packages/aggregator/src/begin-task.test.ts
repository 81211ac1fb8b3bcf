import { createMemoryStore, createRandom, createSimulatedClock, simulate, type StateStore } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { createInProcessPlane, verifyChain } from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { accountName, type SnapshotStore } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import { createMemorySnapshots } from "../../../test/support/memory-snapshots.ts";
import { createPlayedClient } from "../../../test/support/played-client.ts";
import { descriptionOf, float32, settingsFor, taskSize as size } from "../../../test/support/played-task.ts";
import { openAggregator } from "./aggregator.ts";
import { readSavedTask, type SavedTask, type SavedWork } from "./carry/saved-task.ts";
import type { ChainedRound } from "./records/round-log.ts";
import type { CentralPrivacy } from "./settings.ts";

const kernels = createKernelSite("baseline");
const adaptive = { ...{ quantile: 0.5, learningRate: 0.2, rule: "geometric" as const }, countDeviation: 4 };
const privacy: CentralPrivacy = {
  ...{ clip: 1, noiseMultiplier: 4, adaptive, population: null, budget: { epsilon: 50, delta: 1e-5 } },
};
const settings = settingsFor({ goal: 3, minimum: 3, invited: 3 }, { privacy });

interface Scene {
  readonly log: ChainedRound[];
  readonly snapshots?: SnapshotStore;
  /** The cluster that goes on; another one knows nothing. */
  readonly store?: StateStore;
  /** What it goes on from, and what it saves before each step. */
  readonly origin?: SavedWork | undefined;
  readonly saves?: Map<number, SavedWork>;
}

/** Steps [begin, end) on a cluster; the log lacks the newest round where it dies before that is told. */
async function playOn(
  { log, snapshots, store, origin, saves }: Scene,
  begin: number,
  end: number,
  dies = false,
): Promise<void> {
  const clock = createSimulatedClock();
  const plane = createInProcessPlane({ clock, delayMs: () => 1 });
  const last = log.at(-1);
  const work = async (): Promise<void> => {
    const aggregator = await openAggregator({
      ...{ run: "r1", description: descriptionOf(settings), settings, random: createRandom("aggregator") },
      ...{ plane: plane.aggregator, store: store ?? createMemoryStore(), clock, snapshots, origin },
      codecs: createVectorCodecs(float32, { size }, kernels),
      lastRecord: async () => last,
      onRecord: (record) => void log.push(record),
    });
    for (const name of ["a", "b", "c"]) {
      const target = new Float32Array(size).fill(1);
      void createPlayedClient({ name, task: "digits", plane: plane.connect(name), clock, target }).start();
    }
    const values = new Float32Array(size);
    for (let step = begin; step < end; step += 1) {
      saves?.set(step, await aggregator.save(step));
      await aggregator.aggregate({ step, version: step, parameters: values, gradient: new Float32Array(size) });
    }
    if (!dies) await aggregator.evaluated(values, { accuracy: 0, loss: 0 });
    await aggregator.close();
  };
  await simulate(clock, work(), { forMs: 600_000 });
}

const costs = (log: readonly ChainedRound[]): readonly (number | undefined)[] =>
  log.map(({ body }) => body.ledger?.rounds);

describe("a run that goes on from a snapshot on a cluster that does not know it", () => {
  it("goes on with its log and with what its rounds have cost, and one more that may not stand in it", async () => {
    const log: ChainedRound[] = [];
    await playOn({ log }, 0, 2);
    await playOn({ log }, 2, 3);
    expect(verifyChain(log).kind).toBe("intact");
    expect(log.map(({ body }) => body.round)).toEqual([1, 2, 3]);
    expect(costs(log)).toEqual([1, 2, 4]);
    // Whoever hears their hashes cannot try who was in them.
    expect(new Set(log.map(({ body }) => body.salt)).size).toBe(3);
    expect(log.every(({ body }) => /^[0-9a-f]{32}$/.test(body.salt ?? ""))).toBe(true);
    const spent = log.map(({ body }) => body.epsilon ?? 0);
    expect(spent[2]).toBeGreaterThan(spent[1] ?? Infinity);
  });

  it("does not go on where a promise of privacy was made and its price is not known", async () => {
    await expect(playOn({ log: [] }, 2, 3)).rejects.toMatchObject({ code: "data_not_found" });
  });
});

describe("what a snapshot holds of a federated run", () => {
  const saved = (work: SavedWork | undefined): SavedTask => readSavedTask("r1", work?.text ?? "");

  it.each([true, false])(
    "goes back with the values, and rounds are counted on in one chain: with a log %s",
    async (kept) => {
      const [log, snapshots]: [ChainedRound[], SnapshotStore] = [[], createMemorySnapshots()];
      const [first, second] = [new Map<number, SavedWork>(), new Map<number, SavedWork>()];
      await playOn({ log, snapshots, saves: first }, 0, 4, true);
      const clips = [...first.values()].map((work) => saved(work).clip);
      expect(new Set(clips).size).toBe(4);
      const later = kept ? log : [];
      await playOn({ log: later, snapshots, saves: second, origin: first.get(2) }, 2, 3);
      expect(saved(second.get(2)).clip).toBe(clips[2]);
      const all = kept ? log : [...log.slice(0, saved(first.get(2)).log?.round), ...later];
      expect(verifyChain(all).kind).toBe("intact");
      expect(new Set(all.map(({ body }) => body.round)).size).toBe(all.length);
    },
  );

  it("says that a log which is there is not the newest: its end may have cost more", async () => {
    const [log, first]: [ChainedRound[], Map<number, SavedWork>] = [[], new Map()];
    await playOn({ log, saves: first }, 0, 4);
    const stale = { log: log.slice(0, 1), origin: first.get(3) };
    await expect(playOn(stale, 3, 4)).rejects.toMatchObject({ code: "data_not_found" });
  });

  it("is refused by name where it is of another form", async () => {
    const origin = { text: '{"format":9}', vector: null };
    await expect(playOn({ log: [], origin }, 2, 3)).rejects.toMatchObject({ code: "snapshot_corrupt" });
  });
});

describe("what rounds have cost of the clients' privacy", () => {
  it("counts a round that was paid for and not told when the whole cluster died", async () => {
    const [log, snapshots]: [ChainedRound[], SnapshotStore] = [[], createMemorySnapshots()];
    await playOn({ log, snapshots }, 0, 3, true);
    expect(costs(log)).toEqual([1, 2]);
    // Just that one: what was paid stands beside the snapshots, with or without a log.
    await playOn({ log, snapshots }, 3, 4);
    expect(costs(log)).toEqual([1, 2, 4]);
    const other: ChainedRound[] = [];
    await playOn({ log: other, snapshots }, 4, 5);
    expect(costs(other)).toEqual([5]);
  });

  it.each(["another cluster", "the same cluster"])(
    "does not go back with the run to an older snapshot: %s",
    async (where) => {
      const [log, snapshots]: [ChainedRound[], SnapshotStore] = [[], createMemorySnapshots()];
      const store = where === "the same cluster" ? { store: createMemoryStore() } : {};
      await playOn({ log, snapshots, ...store }, 0, 5, true);
      await playOn({ log, snapshots, ...store }, 2, 4);
      // Steps 2 and 3 were released twice.
      expect(costs(log).at(-1)).toBe(7);
      // One record is handed out twice.
      const told = [...new Map(log.map((record) => [JSON.stringify(record), record])).values()];
      expect(verifyChain(told).kind).toBe("intact");
      const rounds = told.map(({ body }) => body.round);
      expect(rounds).toEqual([...new Set(rounds)].toSorted((a, b) => a - b));
    },
  );

  it("is beside the snapshots before anything leaves, or nothing leaves", async () => {
    const snapshots = createMemorySnapshots();
    const away = (): Promise<never> => Promise.reject(new ShoalError("store_unavailable", "the place is away"));
    const noPlace = { ...snapshots, writePointer: away };
    await expect(playOn({ log: [], snapshots: noPlace }, 0, 1)).rejects.toMatchObject({ code: "store_unavailable" });
  });

  it("is not taken for nothing where what stands beside the snapshots cannot be read", async () => {
    const snapshots = createMemorySnapshots();
    await snapshots.writePointer(accountName("r1"), '{"format":2}', null);
    await expect(playOn({ log: [], snapshots }, 2, 3)).rejects.toMatchObject({ code: "snapshot_corrupt" });
  });
});
