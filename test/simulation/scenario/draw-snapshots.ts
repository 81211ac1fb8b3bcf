/** Draws clusters that write snapshots, die whole, and go on with another number of servers and workers. */
import type { Random } from "@shoal/actors";
import { coordinatorNode, type JobInput } from "@shoal/protocol";
import { settings } from "./conditions.ts";
import { drawConsistency, drawTrouble, lateJoiners, outlineJob } from "./outline.ts";
import type { Mishap, Scenario } from "./scenario.ts";

/** Messages within which training takes place, about. */
const lastMessage = 700;
const optimizers = [
  { name: "sgd", learningRate: 0.05, momentum: 0.5 },
  { name: "adam", learningRate: 0.01 },
] as const;

/** Jobs whose slots keep something from step to step. */
const keeping: readonly Partial<JobInput>[] = [
  { encoding: { push: { name: "int8" } } },
  { encoding: { push: { name: "top_k", share: 0.3 } } },
  { communication: { name: "local_sgd", steps: 2 } },
];

export function drawSnapshots(name: string, random: Random): Scenario {
  const consistency = drawConsistency(random);
  const isSynchronous = consistency.mode === "synchronous";
  const slots = isSynchronous ? 1 + random.integer(3) : 1;
  const [workers, servers] = [2 + random.integer(2), 2 + random.integer(2)];
  const replicas = random.uniform() < 0.3 ? 1 : 0;
  const everySteps = 1 + random.integer(6);
  const kept = isSynchronous && random.uniform() < 0.3 ? (keeping[random.integer(keeping.length)] ?? {}) : {};
  const job = outlineJob({
    ...{ consistency, slots: isSynchronous ? slots : null, epochs: 4 },
    optimizer: optimizers[random.integer(optimizers.length)] ?? optimizers[0],
    shards: 2,
    durability: { replicas, snapshots: { everySteps, everySeconds: null, keep: 1 + random.integer(2) } },
    seed: random.integer(1000),
    ...kept,
  });
  return {
    ...{ name, job, slots, samples: 24, servers, workers, settings },
    coordinators: random.uniform() < 0.3 ? 2 : 1,
    ...drawTrouble(random),
    disk: { slowestMs: 1 + random.integer(20), lossRate: random.uniform() < 0.4 ? 0.04 : 0 },
    mishaps: [...drawDeaths(random, servers), ...lateJoiners(3)],
    limitMs: 60_000,
  };
}

function drawDeaths(random: Random, servers: number): Scenario["mishaps"] {
  const mishaps: Mishap[] = [drawAllDie(random)];
  if (random.uniform() < 0.4) mishaps.push(drawAllDie(random));
  if (random.uniform() < 0.4) mishaps.push({ kind: "disk full", forMs: random.integer(800) });
  if (random.uniform() < 0.3) mishaps.push(drawCrash(random, servers));
  return mishaps.map((mishap) => ({ when: { atMessage: 150 + random.integer(lastMessage) }, mishap }));
}

function drawAllDie(random: Random): Mishap {
  return {
    ...{ kind: "all die", keepsStore: random.uniform() < 0.4, backAfterMs: random.integer(1_500) },
    ...{ servers: 1 + random.integer(3), workers: 1 + random.integer(3) },
  };
}

/** One role, while the others write or read. */
function drawCrash(random: Random, servers: number): Mishap {
  const node = random.uniform() < 0.5 ? coordinatorNode : `server-${1 + random.integer(servers)}`;
  return { kind: "crash", node, silent: random.uniform() < 0.5, backAfterMs: random.integer(1_000) };
}
