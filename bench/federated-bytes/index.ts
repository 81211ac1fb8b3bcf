/**
 * One federation with each encoding of its up-links, on MNIST: bytes of an update, and accuracy after the same rounds. The
 * encoders are the client's own; the federation is the first row of `fedavg`.
 */
import { availableParallelism } from "node:os";
import { createRandom } from "@shoal/actors";
import { createKernelCodec, type KernelCodec } from "@shoal/edge-client";
import { partitionEvenly } from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import type { Dataset } from "@shoal/models";
import { createClientPool, type ClientPool } from "../fedavg/client-pool.ts";
import { playRounds, type Federation } from "../fedavg/federation.ts";
import { loadMnist } from "../fedavg/index.ts";
import { createJudge, type Judge } from "../fedavg/judge.ts";
import { perceptron as spec } from "../fedavg/paper-rows.ts";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";
import { createUpLink } from "./up-link.ts";

export const benchmark: Benchmark = {
  name: "federated-bytes",
  summary: "federated averaging on MNIST with each encoding of the up-links: bytes, and accuracy after 50 rounds",
  run: measure,
};

interface UpLinkCase {
  readonly name: string;
  readonly encoding: string;
  /** Every client begins each round without what its last update lacked. */
  readonly forgets?: boolean;
  /** Least factor of bytes saved, and most points of accuracy lost. */
  readonly aims?: { readonly smaller: number; readonly lost: number };
}

const exact: UpLinkCase = { name: "float32", encoding: "float32" };
const cases: readonly UpLinkCase[] = [
  { name: "bfloat16", encoding: "bfloat16" },
  { name: "int8", encoding: "int8", aims: { smaller: 3.6, lost: 0.2 } },
  { name: "int4", encoding: "int4", aims: { smaller: 6.5, lost: 0.2 } },
  { name: "top 10 %", encoding: "top_k", aims: { smaller: 4.9, lost: 1 } },
  { name: "top 10 %, the rest forgotten", encoding: "top_k", forgets: true },
];

const clients = 100;
const selected = 10;
const batchSize = 10;
const learningRate = 0.1;

interface Played {
  readonly bytesEach: number;
  /** Percent on the test split after the last round, one of each seed. */
  readonly accuracies: readonly number[];
}

async function measure(context: BenchmarkContext): Promise<Report> {
  const { short = false, only = "" } = context;
  const dataset = await loadMnist(context);
  const pool = createClientPool({ dataset, spec, batchSize }, context.threads ?? availableParallelism());
  const play = await createPlay(dataset, pool, context);
  try {
    const plain = await play(exact);
    const rows = [...rowsOf(exact, plain, plain)];
    for (const upLink of cases.filter(({ name }) => name.includes(only))) {
      rows.push(...rowsOf(upLink, await play(upLink), plain));
    }
    return { rows, notes: notesOn(dataset, short) };
  } finally {
    await pool.close();
  }
}

const lengthOf = (short: boolean): { readonly rounds: number; readonly seeds: readonly number[] } =>
  short ? { rounds: 2, seeds: [1] } : { rounds: 50, seeds: [1, 2, 3] };

async function createPlay(
  { train, test }: Dataset,
  pool: ClientPool,
  { short = false, say }: BenchmarkContext,
): Promise<(upLink: UpLinkCase) => Promise<Played>> {
  const judge = await createJudge(spec, test);
  const codec = createKernelCodec(await loadKernelModules());
  const { rounds, seeds } = lengthOf(short);
  return async (upLink) => {
    const played: OneSeed[] = [];
    for (const seed of seeds) {
      const partition = partitionEvenly(train.count, clients, createRandom(seed).fork("even"));
      const federation = { partition, selected, epochs: 1, learningRate, seed };
      const one = await playUpLink(federation, upLink, rounds, { pool, judge, codec });
      say(`${upLink.name}, seed ${seed}: ${(100 * one.accuracy).toFixed(2)} %, ${one.bytesEach.toFixed(0)} bytes each`);
      played.push(one);
    }
    const accuracies = played.map(({ accuracy }) => 100 * accuracy);
    return { bytesEach: meanOf(played.map(({ bytesEach }) => bytesEach)), accuracies };
  };
}

interface Ground {
  readonly pool: ClientPool;
  readonly judge: Judge;
  readonly codec: KernelCodec;
}

interface OneSeed {
  readonly bytesEach: number;
  /** After the last round. */
  readonly accuracy: number;
}

/** Plays so many rounds with one encoding. */
export async function playUpLink(
  federation: Federation,
  { encoding, forgets = false }: Pick<UpLinkCase, "encoding" | "forgets">,
  rounds: number,
  { pool, judge, codec }: Ground,
): Promise<OneSeed> {
  const upLink = createUpLink(codec, { encoding, forgets });
  let last = 0;
  const isOver = (round: number, accuracy: number): boolean => {
    last = accuracy;
    return round >= rounds;
  };
  await playRounds(federation, pool, judge, isOver, upLink.carry);
  return { bytesEach: upLink.bytesEach(), accuracy: last };
}

function rowsOf({ name, aims }: UpLinkCase, { bytesEach, accuracies }: Played, plain: Played): readonly Row[] {
  const accuracy = meanOf(accuracies);
  const rows = [
    figure(`${name}: a client, a round`, bytesEach / 1024, "KiB"),
    figure(`${name}: accuracy`, accuracy, "%"),
  ];
  if (plain.accuracies === accuracies) return rows;
  const smaller = { name: `${name}: smaller`, value: plain.bytesEach / bytesEach, unit: "×", limit: 1 };
  const lost = { name: `${name}: points lost`, value: meanOf(plain.accuracies) - accuracy, unit: "points", limit: 1 };
  const limitName = "float32";
  if (aims === undefined)
    return [...rows, compare({ ...smaller, limitName }), figure(lost.name, lost.value, lost.unit)];
  return [
    ...rows,
    compare({ ...smaller, limitName, aim: { kind: "at_least", ratio: aims.smaller } }),
    compare({ ...lost, limitName: "", aim: { kind: "at_most", ratio: aims.lost } }),
  ];
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function notesOn({ source, train }: Dataset, short: boolean): readonly string[] {
  const { rounds, seeds } = lengthOf(short);
  return [
    `${source}; 784-200-200-10, ${clients} clients of ${train.count / clients} samples (IID), ${selected} a round, one epoch, batches of ${batchSize}, rate ${learningRate}.`,
    `Accuracy on the test split after round ${rounds}, the mean of seeds ${seeds.join(", ")}; the same clients and batches with every encoding.`,
    "Bytes are those of an update as it is uploaded, without manifest and envelopes.",
    "A client's next update brings along what its last one lacked, except where it is forgotten.",
  ];
}
