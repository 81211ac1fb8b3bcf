/**
 * Federated averaging as its paper plays it, on MNIST: rounds to the paper's accuracies, beside the paper's rounds.
 *
 * Source  McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS 2017,
 *         table 1. The paper takes the best learning rate of a grid for each cell; here it is one rate a row.
 */
import { availableParallelism, homedir } from "node:os";
import { join } from "node:path";
import { createRandom } from "@shoal/actors";
import { partitionByShards, partitionEvenly, type Partition } from "@shoal/federated";
import type { Dataset } from "@shoal/models";
import { loadDatasetInThread } from "@shoal/models/host";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";
import { createClientPool } from "./client-pool.ts";
import { roundsTo } from "./crossing.ts";
import { playRounds } from "./federation.ts";
import { createJudge } from "./judge.ts";
import { paperRows, type PaperRow } from "./paper-rows.ts";

export const benchmark: Benchmark = {
  name: "fedavg",
  summary: "federated averaging on MNIST, 100 clients: rounds to the paper's accuracies, beside the paper's",
  run: replay,
};

const clients = 100;
const selected = 10;
const batchSize = 10;
const shortRounds = 3;
const seed = 1;

async function replay(context: BenchmarkContext): Promise<Report> {
  const dataset = await loadMnist(context);
  const rows: Row[] = [];
  for (const row of paperRows.filter(({ name }) => name.includes(context.only ?? ""))) {
    rows.push(...(await playRow(row, dataset, context)));
  }
  return {
    rows,
    notes: [
      `${dataset.source}; 100 clients of ${dataset.train.count / clients} samples, 10 a round, batches of 10, seed ${seed}.`,
      "Rounds: where the best accuracy so far on the test split crosses the target, on a straight line between two rounds.",
      "The paper takes the best learning rate of a grid for each cell; here each row has one, which is not searched for.",
      ...(context.short === true ? [`Only ${shortRounds} rounds were played: no target is reached.`] : []),
    ],
  };
}

/** The data set that all rows are of. */
export function loadMnist({ say }: BenchmarkContext): Promise<Dataset> {
  const folders = { dataFolder: process.env["SHOAL_DATA"], cacheFolder: join(homedir(), ".cache", "shoal") };
  return loadDatasetInThread({ type: "mnist" }, { ...folders, log: say });
}

async function playRow(row: PaperRow, dataset: Dataset, context: BenchmarkContext): Promise<readonly Row[]> {
  const { spec, epochs, learningRate, target, paper, limit } = row;
  const rounds = context.short === true ? shortRounds : limit;
  const pool = createClientPool({ dataset, spec, batchSize }, context.threads ?? availableParallelism());
  const judge = await createJudge(spec, dataset.test);
  const partition = partitionOf(row, dataset);
  const curve: number[] = [];
  try {
    await playRounds({ partition, selected, epochs, learningRate, seed }, pool, judge, (round, accuracy) => {
      curve.push(accuracy);
      const isTold = round <= 3 || round % 10 === 0 || epochs > 1;
      if (isTold) context.say(`${row.name}: round ${round}, ${(100 * accuracy).toFixed(2)} %`);
      return accuracy >= target || round >= rounds;
    });
  } finally {
    await pool.close();
  }
  const found = roundsTo(target, curve);
  const best = figure(`${row.name}: best accuracy`, 100 * Math.max(...curve), "%");
  if (context.short === true) return [best];
  return [
    compare({
      ...{
        name: `${row.name}: rounds`,
        value: found ?? Infinity,
        unit: "rounds",
        limit: paper,
        limitName: "the paper",
      },
      aim: { kind: "at_most", ratio: Math.floor((100 * limit) / paper) / 100 },
    }),
    best,
  ];
}

/** @throws TypeError when the data set has no labels */
function partitionOf({ split }: PaperRow, { train }: Dataset): Partition {
  const draws = createRandom(seed).fork(split);
  if (split === "even") return partitionEvenly(train.count, clients, draws);
  const [target] = Object.values(train.targets);
  if (target?.kind !== "labels") throw new TypeError("shards are cut by labels, which this data set has not");
  return partitionByShards(target.values, clients, 2, draws);
}
