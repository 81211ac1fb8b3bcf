/** Draws clusters whose servers and workers come and go, and whose shards move. */
import { createRandom, type Random } from "@shoal/actors";
import { coordinatorNode } from "@shoal/protocol";
import { scenarioShape, settings } from "./conditions.ts";
import { drawConsistency, drawTrouble, lateJoiners, outlineJob } from "./outline.ts";
import type { Mishap, Scenario } from "./scenario.ts";

/** Messages within which training takes place, about. */
const lastMessage = 700;

export function drawElastic(name: string, random: Random): Scenario {
  const consistency = drawConsistency(random);
  const slots = consistency.mode === "synchronous" ? 1 + random.integer(2) : 1;
  const [workers, servers] = [1 + random.integer(2), 2 + random.integer(2)];
  const replicas = random.uniform() < 0.5 ? 1 : 0;
  const job = outlineJob({
    ...{ consistency, slots: consistency.mode === "synchronous" ? slots : null, epochs: 4 },
    model: {
      inputs: scenarioShape.features,
      layers: [
        { type: "dense", outputs: 8, activation: "relu" },
        { type: "dense", outputs: scenarioShape.classes },
      ],
      loss: { type: "softmax_cross_entropy" },
    },
    shards: 2 + random.integer(3),
    durability: { replicas },
    seed: random.integer(1000),
  });
  const drawn: Scenario = {
    ...{ name, job, slots, samples: 24, servers, workers },
    settings: { ...settings, balanceMs: 50 + random.integer(200) },
    coordinators: random.uniform() < 0.3 ? 2 : 1,
    ...drawTrouble(random),
    mishaps: [...drawChanges(random, { workers, servers, replicas }), ...lateJoiners(workers + 2)],
    limitMs: 60_000,
  };
  return withSlowLearner(drawn, createRandom(`slow learner ${name}`));
}

/** In some of them a server never catches up with a copy, for a while or to the end, and is given up. */
function withSlowLearner(drawn: Scenario, random: Random): Scenario {
  if (random.uniform() < 0.7) return drawn;
  const node = `server-${1 + random.integer(drawn.servers + 2)}`;
  const forMs = random.uniform() < 0.5 ? 200 + random.integer(2_000) : drawn.limitMs;
  const when = { atMessage: 40 + random.integer(lastMessage) };
  return {
    ...drawn,
    settings: { ...drawn.settings, fillStallMs: 200 + random.integer(600), fillLimitMs: 1_500 },
    mishaps: [{ when, mishap: { kind: "never filled", node, forMs } }, ...drawn.mishaps],
  };
}

interface Members {
  readonly workers: number;
  readonly servers: number;
  readonly replicas: number;
}

/** At least one server of those that were there stays, so that the others have somebody to give to. */
function drawChanges(random: Random, { workers, servers, replicas }: Members): Scenario["mishaps"] {
  const mishaps: Mishap[] = [];
  for (let number = 1; number < servers; number += 1) {
    if (random.uniform() < 0.6) mishaps.push({ kind: "leave", node: `server-${number}` });
  }
  for (let number = 1; number <= 2; number += 1) {
    if (random.uniform() < 0.6) mishaps.push({ kind: "join", node: `server-${servers + number}` });
    if (random.uniform() < 0.4) mishaps.push({ kind: "join", node: `worker-${workers + number}` });
  }
  if (workers > 1 && random.uniform() < 0.4) mishaps.push({ kind: "leave", node: "worker-1" });
  if (random.uniform() < 0.5) mishaps.push(drawDisturbance(random, servers, replicas));
  return mishaps.map((mishap) => ({ when: { atMessage: 60 + random.integer(lastMessage) }, mishap }));
}

/** While shards move. Without copies no server dies: what it leads would be gone. */
function drawDisturbance(random: Random, servers: number, replicas: number): Mishap {
  const node = `server-${1 + random.integer(servers)}`;
  const forMs = 100 + random.integer(500);
  const backAfterMs = random.integer(1_000);
  const silent = random.uniform() < 0.5;
  switch (random.integer(3)) {
    case 0:
      return { kind: "crash", node: replicas > 0 ? node : coordinatorNode, silent, backAfterMs };
    case 1:
      return { kind: "crash", node: coordinatorNode, silent, backAfterMs };
    default:
      return { kind: "partition", planes: ["data"], left: [node], right: "*", oneWay: false, forMs };
  }
}
