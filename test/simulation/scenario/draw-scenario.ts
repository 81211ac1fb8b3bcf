/** Draws scenarios: the same kind and seed give the same one. */
import { createRandom, type Random } from "@shoal/actors";
import { checkJob } from "@shoal/coordinator";
import type { Consistency } from "@shoal/protocol";
import { drawMishaps } from "./draw-mishaps.ts";
import { badBus, badData, badStore, calmBus, calmData, calmStore, scenarioShape, settings } from "./conditions.ts";
import { drawElastic } from "./draw-elastic.ts";
import { drawHot } from "./draw-hot.ts";
import { drawLossy } from "./draw-lossy.ts";
import { drawMemory } from "./draw-memory.ts";
import { drawSnapshots } from "./draw-snapshots.ts";
import type { Scenario } from "./scenario.ts";

/**
 * small      two workers, three servers, eight batches, one or two mishaps of any kind
 * fail-over  the same, three times as long, and what befalls it befalls servers
 * large      more of everything
 * snapshots  snapshots on a disk that fails, and clusters that die whole and go on as others
 * elastic    servers and workers that come and go, shards that move
 * hot        key ranges that are too hot for any server, and are cut
 * lossy      encodings with error feedback, local updates, backup workers, buffers, bounds that adapt
 * memory     acknowledgements that wait for no replica, and primaries that die
 * calm       nothing happens
 */
export const scenarioKinds = [
  "small",
  "fail-over",
  "large",
  "snapshots",
  "elastic",
  "hot",
  "lossy",
  "memory",
  "calm",
] as const;
export type ScenarioKind = (typeof scenarioKinds)[number];

export function drawScenario(kind: ScenarioKind, seed: number): Scenario {
  const name = `${kind} ${seed}`;
  const random = createRandom(`scenario ${name}`);
  if (kind === "snapshots") return drawSnapshots(name, random);
  if (kind === "elastic") return drawElastic(name, random);
  if (kind === "hot") return drawHot(name, random);
  if (kind === "lossy") return drawLossy(name, random);
  if (kind === "memory") return drawMemory(name, random);
  const isLarge = kind === "large";
  const isFailOver = kind === "fail-over";
  const consistency = drawConsistency(random);
  const isSynchronous = consistency.mode === "synchronous";
  const workers = isLarge ? 2 + random.integer(3) : 2;
  const servers = isLarge ? 3 + random.integer(3) : 3;
  const slots = isSynchronous ? 1 + random.integer(isLarge ? 4 : 2) : 1;
  const copies = (isLarge || isFailOver) && random.uniform() < 0.4 ? 2 : 1;
  const samples = isLarge ? 30 + random.integer(30) : isFailOver ? 24 : 8;
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
  const hasStandby = random.uniform() < (isLarge || isFailOver ? 0.5 : 0.35);
  return {
    ...{ name, job, slots, samples, servers, workers, settings },
    coordinators: hasStandby ? 2 : 1,
    bus: trouble() ? badBus : calmBus,
    data: trouble() || isFailOver ? badData : calmData,
    store: trouble() ? badStore : calmStore,
    mishaps: isCalm ? [] : drawMishaps(random, { workers, servers, replicas, hasStandby, kind }),
    headStartMs: random.uniform() < 0.7 ? 40 : 0,
    limitMs: 60_000,
  };
}

function drawConsistency(random: Random): Consistency {
  const drawn = random.integer(4);
  if (drawn <= 1) return { mode: "synchronous" };
  return drawn === 2 ? { mode: "bounded", staleness: 1 + random.integer(3) } : { mode: "asynchronous" };
}
