/** What each robust rule makes of five attacks by a fifth of the clients, on MNIST. */
import { availableParallelism } from "node:os";
import { createRandom } from "@shoal/actors";
import { partitionEvenly, type RobustRule } from "@shoal/federated";
import { parseModelSpec, type Dataset } from "@shoal/models";
import { createClientPool } from "../fedavg/client-pool.ts";
import type { Federation } from "../fedavg/federation.ts";
import { loadMnist } from "../fedavg/index.ts";
import { createJudge } from "../fedavg/judge.ts";
import { selectSamples } from "../fedavg/select-samples.ts";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";
import { attackNames } from "./attacks.ts";
import { playDefence } from "./defended-rounds.ts";

export const benchmark: Benchmark = {
  name: "attacks",
  summary: "five attacks by a fifth of 25 clients on MNIST, under each robust rule: accuracy after 15 rounds",
  run: attackAll,
};

/** Bulyan needs 4f + 3 = 23 clients for five liars. */
const clients = 25;
const liars = 5;
const samplesEach = 400;
const rounds = 15;
const shortRounds = 1;
const seed = 1;

const rules: readonly RobustRule[] = [
  { name: "mean" },
  { name: "norm_bound" },
  { name: "median" },
  { name: "trimmed_mean", trim: liars / clients },
  { name: "krum", byzantine: liars },
  { name: "multi_krum", byzantine: liars },
  { name: "bulyan", byzantine: liars },
  { name: "geometric_median" },
  { name: "centred_clipping", radius: 1 },
];

const spec = parseModelSpec({
  inputs: 784,
  layers: [
    { type: "dense", outputs: 64, activation: "relu" },
    { type: "dense", outputs: 10 },
  ],
  loss: { type: "softmax_cross_entropy" },
});

async function attackAll(context: BenchmarkContext): Promise<Report> {
  const whole = await loadMnist(context);
  const indices = Uint32Array.from({ length: clients * samplesEach }, (_, index) => index % whole.train.count);
  const dataset: Dataset = { ...whole, train: selectSamples(whole.train, indices) };
  const partition = partitionEvenly(dataset.train.count, clients, createRandom(seed));
  const federation: Federation = { partition, selected: clients, epochs: 1, learningRate: 0.1, seed };
  const pool = createClientPool({ dataset, spec, batchSize: 20 }, context.threads ?? availableParallelism());
  try {
    return { rows: await playTable(federation, dataset, pool, context), notes: notesOn(dataset) };
  } finally {
    await pool.close();
  }
}

async function playTable(
  federation: Federation,
  dataset: Dataset,
  pool: ReturnType<typeof createClientPool>,
  { short = false, only = "", say }: BenchmarkContext,
): Promise<readonly Row[]> {
  const judge = await createJudge(spec, dataset.test);
  const play = async (attack: (typeof attackNames)[number], rule: RobustRule) => {
    const defence = { attack, rule, liars, rounds: short ? shortRounds : rounds };
    const { accuracy, refused } = await playDefence(federation, defence, pool, judge);
    say(`${attack} against ${rule.name}: ${(100 * accuracy).toFixed(2)} %, ${refused} updates refused`);
    return 100 * accuracy;
  };
  const unharmed = await play("none", { name: "mean" });
  const rows: Row[] = [figure("no attack, mean", unharmed, "%")];
  for (const attack of attackNames) {
    for (const rule of rules) {
      const name = `${attack}, ${rule.name}`;
      if (!name.includes(only) || (attack === "none" && rule.name === "mean")) continue;
      const value = await play(attack, rule);
      rows.push(compare({ name, value, unit: "%", limit: unharmed, limitName: "no attack, mean" }));
    }
  }
  return rows;
}

function notesOn(dataset: Dataset): readonly string[] {
  return [
    `${dataset.source}; ${clients} clients of ${samplesEach} samples each (IID), all of them in every round, ${liars} of which lie; 784-64-10.`,
    "Figures are right answers on the test split after the last round; the ratio is to the mean of honest clients.",
    "Admission refuses what is not finite, with every rule; the norm bound is the median norm of the round.",
    "Krum, multi-Krum and Bulyan are told how many lie, less those that admission refused.",
  ];
}
