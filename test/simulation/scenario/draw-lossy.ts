/** Draws jobs whose pushes are not plain gradients of plain steps, while messages are lost and members die. */
import type { Random } from "@shoal/actors";
import { coordinatorNode, synchronousSteps, type Consistency, type JobInput } from "@shoal/protocol";
import { badData, settings } from "./conditions.ts";
import { drawConsistency, drawTrouble, lateJoiners, outlineJob } from "./outline.ts";
import type { Mishap, Scenario } from "./scenario.ts";

/** Messages within which training takes place, about. */
const lastMessage = 400;
const adam = { name: "adam", learningRate: 0.01 } as const;
const float32 = { name: "float32" } as const;

interface Drawn {
  readonly consistency: Consistency;
  readonly job: Partial<JobInput>;
}

export function drawLossy(name: string, random: Random): Scenario {
  const { consistency, job: given } = drawKind(random);
  const isSynchronous = consistency.mode === "synchronous";
  const slots = isSynchronous ? (given.slots ?? 1 + random.integer(2)) : 1;
  const [workers, servers] = [2, 3];
  const job = outlineJob({
    ...{ consistency, epochs: 2, durability: { replicas: random.uniform() < 0.3 ? 0 : 1 } },
    ...{ ...given, slots: isSynchronous || synchronousSteps(consistency) > 0 ? slots : null },
    seed: random.integer(1000),
  });
  const count = 1 + random.integer(2);
  const mishaps = Array.from({ length: count }, () => drawMishap(random, servers, job.durability.replicas ?? 0));
  const drawn: Scenario = {
    ...{ name, job, slots, samples: 24, servers, workers, settings },
    coordinators: 1,
    ...{ ...drawTrouble(random), data: badData },
    mishaps: [
      ...mishaps.map((mishap) => ({ when: { atMessage: 60 + random.integer(lastMessage) }, mishap })),
      ...lateJoiners(workers),
    ],
    limitMs: 60_000,
  };
  return random.uniform() < 0.6 ? drawn : withMovingSlots(drawn, random);
}

/** Slots that keep what is unsent, while workers come in the middle and go in order: the bits can be compared. */
function withMovingSlots(drawn: Scenario, random: Random): Scenario {
  const { workers, job } = drawn;
  const at = (): { readonly atMessage: number } => ({ atMessage: 60 + random.integer(lastMessage / 2) });
  const mishaps: Scenario["mishaps"][number][] = [
    { when: at(), mishap: { kind: "join", node: `worker-${workers + 1}` } },
  ];
  if (random.uniform() < 0.3) mishaps.push({ when: at(), mishap: { kind: "join", node: `worker-${workers + 2}` } });
  if (random.uniform() < 0.6) mishaps.push({ when: at(), mishap: { kind: "leave", node: "worker-1" } });
  const isCalm = random.uniform() < 0.7;
  const push = random.uniform() < 0.5 ? ({ name: "int8" } as const) : ({ name: "top_k", share: 0.3 } as const);
  return {
    ...drawn,
    disk: { slowestMs: 1 + random.integer(20), lossRate: random.uniform() < 0.3 ? 0.1 : 0 },
    slots: 4,
    job: outlineJob({
      ...{ consistency: { mode: "synchronous" }, encoding: { push, pull: float32 }, slots: 4, epochs: 6 },
      ...{ durability: { replicas: job.durability.replicas }, seed: job.seed },
    }),
    mishaps: [...mishaps, ...(isCalm ? lateJoiners(workers) : drawn.mishaps)],
  };
}

function drawKind(random: Random): Drawn {
  const consistency = drawConsistency(random);
  const topK = { name: "top_k", share: 0.3 };
  switch (random.integer(8)) {
    case 0:
    case 1:
      return { consistency, job: { encoding: { push: { name: "int8" }, pull: float32 } } };
    case 2:
      return { consistency, job: { encoding: { push: topK, pull: float32 }, optimizer: adam } };
    case 3:
      return { consistency, job: { encoding: { push: topK, pull: { name: "int8" } } } };
    case 4:
      return drawLocal(random, consistency);
    case 5: {
      const job = { slots: 3, stragglers: { backup: 1 }, optimizer: adam };
      return { consistency: { mode: "synchronous" }, job };
    }
    default: {
      const adaptive = { maximum: 4, waiting: 0.1 };
      const modes: readonly Consistency[] = [
        { mode: "asynchronous", buffer: 2 },
        { mode: "bounded", staleness: 1, adaptive },
        { mode: "asynchronous", warmUpSteps: 4 },
        { mode: "bounded", staleness: 2, warmUpSteps: 6 },
      ];
      return { consistency: modes[random.integer(modes.length)] ?? { mode: "asynchronous" }, job: { optimizer: adam } };
    }
  }
}

/** Each contribution is a round of two steps. */
function drawLocal(random: Random, consistency: Consistency): Drawn {
  const steps = 2;
  switch (random.integer(3)) {
    case 0:
      return { consistency, job: { communication: { name: "local_sgd", steps } } };
    case 1:
      return { consistency: { mode: "synchronous" }, job: { communication: { name: "diloco", steps } } };
    default:
      return { consistency: { mode: "asynchronous" }, job: { communication: { name: "fedasync", steps } } };
  }
}

/** Whatever makes pushes come again, or to somebody else. */
function drawMishap(random: Random, servers: number, replicas: number): Mishap {
  const server = `server-${1 + random.integer(servers)}`;
  const worker = `worker-${1 + random.integer(2)}`;
  const silent = random.uniform() < 0.5;
  const backAfterMs = random.integer(1_000);
  const forMs = 100 + random.integer(600);
  switch (random.integer(5)) {
    case 0:
    case 1:
      return { kind: "crash", node: replicas > 0 ? server : coordinatorNode, silent, backAfterMs };
    case 2:
      return { kind: "crash", node: worker, silent, backAfterMs };
    case 3:
      return { kind: "pause", node: worker, forMs };
    default:
      return { kind: "partition", planes: ["data"], left: [worker], right: [server], oneWay: true, forMs };
  }
}
