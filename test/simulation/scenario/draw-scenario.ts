/** Draws scenarios: the same kind and seed give the same one. */
import { createRandom, type Random } from "@shoal/actors";
import { checkJob } from "@shoal/coordinator";
import type { Consistency } from "@shoal/protocol";
import { drawMishaps } from "./draw-mishaps.ts";
import type { DataPlane, Scenario, StoreTrouble } from "./scenario.ts";

/**
 * small      two workers, three servers, a dozen batches, one or two mishaps of any kind
 * fail-over  the same, a little longer, and what befalls it befalls servers
 * large      more of everything
 * calm       nothing happens
 */
export const scenarioKinds = ["small", "fail-over", "large", "calm"] as const;
export type ScenarioKind = (typeof scenarioKinds)[number];

/** Shape of the data: features and classes. Shards are cut at multiples of 16 values: these make two of one layer. */
export const scenarioShape = { features: 7, classes: 4 } as const;

const calmBus = { minimumDelayMs: 0.5, maximumDelayMs: 3 };
const badBus = { ...calmBus, dropRate: 0.03, duplicateRate: 0.05, reorderRate: 0.05 };
const calmData: DataPlane = {
  ...{ fastestMs: 0.5, slowestMs: 4, lossRate: 0, duplicateRate: 0, strayRate: 0, longestStrayMs: 0 },
};
const badData: DataPlane = { ...calmData, lossRate: 0.01, duplicateRate: 0.05, strayRate: 0.02, longestStrayMs: 500 };
const calmStore: StoreTrouble = { slowestMs: 2, lossRate: 0 };
const badStore: StoreTrouble = { slowestMs: 10, lossRate: 0.02 };

/** Patience in proportion to a network of milliseconds, so that a run takes seconds. */
const settings = {
  leaseMs: 800,
  heartbeatMs: 300,
  suspectMs: 300,
  serverHeartbeatMs: 120,
  leaderLeaseMs: 600,
  tickMs: 50,
  resendMs: 100,
  maximumResendMs: 400,
  capacityTimeoutMs: 15_000,
  stallTimeoutMs: 25_000,
} as const;

export function drawScenario(kind: ScenarioKind, seed: number): Scenario {
  const name = `${kind} ${seed}`;
  const random = createRandom(`scenario ${name}`);
  const isLarge = kind === "large";
  const isFailOver = kind === "fail-over";
  const consistency = drawConsistency(random);
  const isSynchronous = consistency.mode === "synchronous";
  const workers = isLarge ? 2 + random.integer(3) : 2;
  const servers = isLarge ? 3 + random.integer(3) : 3;
  const slots = isSynchronous ? 1 + random.integer(isLarge ? 4 : 2) : 1;
  const copies = (isLarge || isFailOver) && random.uniform() < 0.4 ? 2 : 1;
  const samples = isLarge ? 30 + random.integer(30) : isFailOver ? 24 : 12;
  const epochs = isLarge ? 2 + random.integer(6) : 2;
  const job = checkJob({
    name: "simulated",
    model: {
      inputs: scenarioShape.features,
      layers: [
        ...(isLarge ? [{ type: "dense", outputs: 8, activation: "relu" }] : []),
        { type: "dense", outputs: scenarioShape.classes },
      ],
      loss: { type: "softmax_cross_entropy" },
    },
    data: { type: "csv", file: "drawn.csv", labelColumn: "label" },
    optimizer: { name: "sgd", learningRate: 0.05, momentum: 0.5 },
    batchSize: isLarge ? 2 + random.integer(4) : 2,
    epochs,
    slots: isSynchronous ? slots : null,
    shards: isLarge ? 1 + random.integer(4) : 2,
    workers: 1 + random.integer(2),
    consistency,
    durability: { replicas: kind === "small" && random.uniform() < 0.15 ? 0 : copies },
    stop: { patience: null },
    guard: { action: "off" },
    seed: random.integer(1000),
  });
  const isCalm = kind === "calm";
  const trouble = (): boolean => !isCalm && random.uniform() < (isLarge ? 0.5 : 0.25);
  const replicas = job.durability.replicas ?? 0;
  const hasStandby = random.uniform() < 0.5;
  return {
    ...{ name, job, slots, samples, servers, workers, settings },
    coordinators: hasStandby ? 2 : 1,
    bus: trouble() ? badBus : calmBus,
    data: trouble() || isFailOver ? badData : calmData,
    store: trouble() ? badStore : calmStore,
    mishaps: isCalm ? [] : drawMishaps(random, { workers, servers, replicas, hasStandby, kind }),
    limitMs: 60_000,
  };
}

function drawConsistency(random: Random): Consistency {
  const drawn = random.integer(4);
  if (drawn <= 1) return { mode: "synchronous" };
  return drawn === 2 ? { mode: "bounded", staleness: 1 + random.integer(3) } : { mode: "asynchronous" };
}
