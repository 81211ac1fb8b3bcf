/** Draws clusters in which key ranges are too hot for any server, and are cut while members die, come and go. */
import type { Random } from "@shoal/actors";
import { coordinatorNode } from "@shoal/protocol";
import { scenarioShape, settings } from "./conditions.ts";
import { drawConsistency, drawTrouble, lateJoiners, outlineJob } from "./outline.ts";
import type { Mishap, Scenario } from "./scenario.ts";

/** Messages within which ranges are cut, and training takes place, about. */
const lastMessage = 500;
/** Outputs of the hidden layer: as many keys as two ranges have at least, and as four have. */
const widths = [90, 180] as const;

export function drawHot(name: string, random: Random): Scenario {
  const consistency = drawConsistency(random);
  const isSynchronous = consistency.mode === "synchronous";
  const slots = isSynchronous ? 1 + random.integer(2) : 1;
  const replicas = random.uniform() < 0.5 ? 1 : 0;
  const [workers, servers] = [1 + random.integer(2), 2 + replicas + random.integer(2)];
  const width = widths[random.integer(widths.length)] ?? widths[0];
  const job = outlineJob({
    ...{ consistency, slots: isSynchronous ? slots : null, epochs: 4 },
    model: {
      inputs: scenarioShape.features,
      layers: [
        { type: "dense", outputs: width, activation: "relu" },
        { type: "dense", outputs: scenarioShape.classes },
      ],
      loss: { type: "softmax_cross_entropy" },
    },
    optimizer: random.uniform() < 0.5 ? { name: "adam", learningRate: 0.01 } : { name: "sgd", learningRate: 0.05 },
    shards: 1,
    durability: { replicas },
    seed: random.integer(1000),
  });
  return {
    ...{ name, job, slots, samples: 24, servers, workers },
    // Each start is worth it, however short the run is.
    settings: { ...settings, balanceMs: 20, splitMs: 20 + random.integer(100), splitWorth: 0.01, restMs: 2_000 },
    coordinators: random.uniform() < 0.3 ? 2 : 1,
    ...drawTrouble(random),
    disk: { slowestMs: 1 + random.integer(20), lossRate: random.uniform() < 0.2 ? 0.04 : 0 },
    mishaps: [...drawDisturbances(random, { workers, servers, replicas }), ...lateJoiners(workers + 1)],
    limitMs: 60_000,
  };
}

interface Members {
  readonly workers: number;
  readonly servers: number;
  readonly replicas: number;
}

function drawDisturbances(random: Random, members: Members): Scenario["mishaps"] {
  const mishaps = [drawDisturbance(random, members)];
  if (random.uniform() < 0.3) mishaps.push({ kind: "join", node: `worker-${members.workers + 1}` });
  if (random.uniform() < 0.3) mishaps.push({ kind: "crash", node: coordinatorNode, silent: false, backAfterMs: 200 });
  return mishaps.map((mishap) => ({ when: { atMessage: 40 + random.integer(lastMessage) }, mishap }));
}

/** Without copies no server dies: what it leads would be gone. */
function drawDisturbance(random: Random, { workers, servers, replicas }: Members): Mishap {
  const server = `server-${1 + random.integer(servers)}`;
  const worker = `worker-${1 + random.integer(workers)}`;
  const forMs = 100 + random.integer(700);
  const [silent, backAfterMs] = [random.uniform() < 0.5, random.integer(1_000)];
  switch (random.integer(6)) {
    case 0:
      return { kind: "crash", node: replicas > 0 ? server : worker, silent, backAfterMs };
    case 1:
      return { kind: "crash", node: worker, silent, backAfterMs };
    case 2:
      return { kind: "pause", node: worker, forMs };
    case 3:
      return { kind: "leave", node: random.uniform() < 0.5 ? server : worker };
    case 4:
      return { kind: "disk full", forMs };
    default:
      return { kind: "partition", planes: ["data"], left: [worker], right: [server], oneWay: true, forMs };
  }
}
