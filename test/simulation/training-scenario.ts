/** What a training goes through, drawn from a seed: a job, a cluster, a bad network, and what happens to its members. */
import { createRandom, type Random } from "@shoal/actors";
import { checkJob } from "@shoal/coordinator";
import type { Consistency, JobInput, JobSpec } from "@shoal/protocol";

export const trainingKinds = [
  "synchronous",
  "bounded-0",
  "bounded-2",
  "asynchronous",
  "prefetch",
  "local",
  "streaming",
  "buffered",
  "encoded",
  "bounded-adaptive",
  "asynchronous-adaptive",
  "hand-off",
] as const;
export type TrainingKind = (typeof trainingKinds)[number];

export type Mishap =
  /** The worker hears no more of the coordinator, and the other way round. */
  | { readonly kind: "partition"; readonly worker: string; readonly forMs: number; readonly withLinks: boolean }
  /** It is gone without a goodbye; `zombie`: its exchanges with the servers go on. */
  | { readonly kind: "crash"; readonly worker: string; readonly zombie: boolean }
  /** A new process under the same name. */
  | { readonly kind: "restart"; readonly worker: string; readonly afterMs: number }
  /** It says goodbye. */
  | { readonly kind: "leave"; readonly worker: string }
  | { readonly kind: "join"; readonly worker: string }
  | { readonly kind: "coordinator pause"; readonly forMs: number };

export interface TrainingScenario {
  readonly name: string;
  readonly kind: TrainingKind;
  readonly job: JobSpec;
  readonly slots: number;
  readonly samples: number;
  readonly servers: number;
  readonly workers: number;
  readonly leaseMs: number;
  readonly network: { readonly dropRate: number; readonly duplicateRate: number; readonly reorderRate: number };
  /** Share of exchanges with a server that are lost before, and of those that are lost after, they have taken effect. */
  readonly linkLoss: number;
  readonly linkMs: number;
  /** Time of computing a sample: worker i has that at i modulo their number, ms. */
  readonly msPerSample: readonly number[];
  readonly mishaps: readonly { readonly atMs: number; readonly mishap: Mishap }[];
}

/** Where each step is the sum of a fixed set of contributions. */
function isSynchronous(kind: TrainingKind): boolean {
  return kind === "synchronous" || kind === "hand-off" || kind === "local" || kind === "streaming";
}

const features = 6;
const classes = 3;
export const scenarioShape = { features, classes } as const;

/** @param seed the same seed is the same scenario */
export function drawScenario(kind: TrainingKind, seed: number): TrainingScenario {
  const name = `${kind} ${seed}`;
  const random = createRandom(`scenario ${name}`);
  const workers = 1 + random.integer(5);
  const isTiny = random.uniform() < 0.2;
  const samples = isTiny ? 1 + random.integer(12) : 60 + random.integer(60);
  const batchSize = 1 + random.integer(8);
  const slots = isSynchronous(kind) ? 1 + random.integer(6) : 1;
  const batchesPerEpoch = Math.ceil(samples / (batchSize * slots)) * slots;
  const wanted = isTiny ? 20 : 150 + random.integer(350);
  const epochs = isTiny && random.uniform() < 0.5 ? 1 : Math.max(1, Math.round(wanted / batchesPerEpoch));
  const stops = random.uniform() < 0.15;
  // A synchronous run that stops early does so at an epoch's end: there the plain loop can stop too.
  const everySteps = random.uniform() < 0.5 || (stops && isSynchronous(kind)) ? null : 1 + random.integer(40);
  const job = checkJob({
    name: "soak",
    model: {
      inputs: features,
      layers: [
        { type: "dense", outputs: 5, activation: "relu" },
        { type: "dense", outputs: classes },
      ],
      loss: { type: "softmax_cross_entropy" },
    },
    data: { type: "csv", file: "drawn.csv", labelColumn: "label" },
    optimizer: { name: "sgd", learningRate: 0.02, momentum: 0.5 },
    batchSize,
    epochs,
    slots: isSynchronous(kind) ? slots : null,
    shards: 1 + random.integer(4),
    workers: 1 + random.integer(workers),
    prefetch: kind === "prefetch",
    evaluation: { everySteps },
    stop: { patience: stops ? 1 + random.integer(3) : null },
    seed: random.integer(1000),
    durability: { formerValues: true },
    ...peculiarities(kind, createRandom(`job of ${name}`)),
  });
  const isOrderly = random.uniform() < 0.3;
  return {
    name,
    kind,
    job,
    slots,
    samples,
    servers: 1 + random.integer(3),
    workers,
    leaseMs: [400, 1_000, 2_000][random.integer(3)] ?? 2_000,
    network: isOrderly
      ? { dropRate: 0, duplicateRate: 0, reorderRate: 0 }
      : { dropRate: 0.1, duplicateRate: 0.05, reorderRate: 0.05 },
    linkLoss: random.uniform() < 0.5 ? 0 : 0.02,
    linkMs: 1 + random.integer(20),
    mishaps: drawMishaps(random, workers),
    msPerSample: job.stragglers.adaptiveBatch || job.stragglers.handOff ? [1, 2 + random.integer(8), 1.2] : [0],
  };
}

/** What sets the jobs of a kind apart. */
function peculiarities(kind: TrainingKind, random: Random): Partial<JobInput> {
  switch (kind) {
    case "local":
      return { consistency: { mode: "synchronous" }, ...localUpdates(random) };
    case "streaming":
      return { consistency: { mode: "synchronous" }, ...streaming(random) };
    case "buffered":
      return { consistency: { mode: "asynchronous", buffer: 2 + random.integer(4) } };
    case "encoded":
      return encoded(random);
    case "hand-off":
      return { consistency: { mode: "synchronous" }, stragglers: { handOff: true } };
    case "bounded-adaptive":
      return { consistency: { mode: "bounded", staleness: random.integer(4) }, stragglers: { adaptiveBatch: true } };
    case "asynchronous-adaptive":
      return {
        consistency: { mode: "asynchronous" },
        prefetch: random.uniform() < 0.5,
        stragglers: { adaptiveBatch: true },
      };
    case "synchronous":
      return { consistency: { mode: "synchronous" } };
    case "bounded-0":
    case "bounded-2":
      return { consistency: { mode: "bounded", staleness: kind === "bounded-0" ? 0 : 2 } };
    case "asynchronous":
    case "prefetch":
      return { consistency: { mode: "asynchronous" } };
  }
}

/** Plain descent within, which remembers nothing: a take-over then changes no bit where replicas begin each round afresh. */
const inner = { optimizer: { name: "sgd", learningRate: 0.02 } } as const;

function localUpdates(random: Random): Partial<JobInput> {
  const steps = 2 + random.integer(3);
  const rules: readonly NonNullable<JobInput["communication"]>[] = [
    { name: "local_sgd", steps },
    { name: "geo_sgd", steps },
    { name: "diloco", steps },
    { name: "easgd", steps, elasticity: 0.2 },
  ];
  return { ...inner, communication: rules[random.integer(rules.length)] ?? { name: "local_sgd", steps } };
}

function streaming(random: Random): Partial<JobInput> {
  const delay = random.integer(2);
  return {
    ...inner,
    shards: 2,
    communication: { name: "diloco", steps: 4, fragments: 2, delay, mixing: 0.5 * random.integer(2) },
  };
}

function encoded(random: Random): Partial<JobInput> {
  const modes: readonly Consistency[] = [{ mode: "bounded", staleness: 2 }, { mode: "asynchronous" }];
  const pushes = ["int8", "one_bit", "top_k", "random_k", "power_sgd"];
  const pulls = ["float32", "int8", "top_k"];
  const nameOf = (names: readonly string[]): { name: string } => ({
    name: names[random.integer(names.length)] ?? "int8",
  });
  return {
    consistency: modes[random.integer(modes.length)] ?? { mode: "asynchronous" },
    encoding: { push: nameOf(pushes), pull: nameOf(pulls) },
  };
}

/**
 * The same job on one worker, and nothing happens to it.
 * @returns undefined where other bits may come out of it: outside synchronous mode, and where replicas remember
 */
export function undisturbed(scenario: TrainingScenario): TrainingScenario | undefined {
  const { kind, job } = scenario;
  if (kind !== "local" || job.communication.name === "easgd") return undefined;
  return {
    ...scenario,
    ...{ name: `${scenario.name}, undisturbed`, workers: 1, linkLoss: 0, mishaps: [], job: { ...job, workers: 1 } },
    network: { dropRate: 0, duplicateRate: 0, reorderRate: 0 },
  };
}

/** Up to six within the first five seconds; two workers join in the end, so that somebody is left. */
function drawMishaps(random: Random, workers: number): TrainingScenario["mishaps"] {
  const mishaps: { atMs: number; mishap: Mishap }[] = [];
  let joined = workers;
  let atMs = 0;
  for (let left = random.integer(7); left > 0; left -= 1) {
    atMs += random.integer(1_500);
    const worker = `worker-${1 + random.integer(joined)}`;
    const kind = random.integer(8);
    if (kind <= 1) {
      mishaps.push({
        atMs,
        mishap: { kind: "partition", worker, forMs: random.integer(6_000), withLinks: kind === 0 },
      });
    } else if (kind <= 3) mishaps.push({ atMs, mishap: { kind: "crash", worker, zombie: kind === 2 } });
    else if (kind === 4) mishaps.push({ atMs, mishap: { kind: "restart", worker, afterMs: random.integer(1_000) } });
    else if (kind === 5) mishaps.push({ atMs, mishap: { kind: "leave", worker } });
    else if (kind === 6) {
      joined += 1;
      mishaps.push({ atMs, mishap: { kind: "join", worker: `worker-${joined}` } });
    } else mishaps.push({ atMs, mishap: { kind: "coordinator pause", forMs: random.integer(5_000) } });
  }
  if (mishaps.length === 0) return mishaps;
  for (let index = 1; index <= 2; index += 1) {
    mishaps.push({ atMs: atMs + 1_000 * index, mishap: { kind: "join", worker: `worker-${joined + index}` } });
  }
  return mishaps;
}
