/**
 * What a federated round costs without any training: a real nats-server with its store, the aggregator in this process,
 * all clients in another one, each with a connection of its own. And how fast a population is simulated.
 */
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { connectNats, createNatsKvStore, createSystemRandom, systemClock } from "@shoal/actors";
import { createNatsAggregatorPlane, openAggregator, type Aggregator } from "@shoal/aggregator";
import { createVectorCodecs } from "@shoal/optimization";
import { createKernelSite } from "../../test/support/kernel-site.ts";
import { startNatsServer } from "../../test/support/nats-server.ts";
import { descriptionOf, float32, settingsFor } from "../../test/support/played-task.ts";
import { playPopulation } from "../../test/support/simulated-population.ts";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";

/** Of the model: a layer of ten classes on digits. */
const size = 7_850;
const goal = 10;
const aimMs = 50;
const populations = [10, 100, 1_000] as const;

export const benchmark: Benchmark = {
  name: "rounds",
  summary: "what a federated round costs without training, over NATS, and simulated clients per second",
  run: measure,
};

async function measure(context: BenchmarkContext): Promise<Report> {
  const rows: Row[] = [];
  const rounds = context.short === true ? 30 : 200;
  for (const clients of populations) {
    const name = `${clients} idle clients, ${goal} a round`;
    if (context.only !== undefined && !name.includes(context.only)) continue;
    rows.push(...rowsOf(name, await overNats({ clients, goal, rounds }), clients === 100));
    context.say(`${name}: done`);
  }
  const everybody = "100 clients, all in each round";
  if (context.only === undefined || everybody.includes(context.only)) {
    const times = await overNats({ clients: 100, goal: 100, rounds: Math.ceil(rounds / 4) });
    rows.push(...rowsOf(everybody, times, false));
    context.say(`${everybody}: done`);
  }
  if (context.only === undefined || "simulated".includes(context.only)) {
    rows.push(...(await simulated(context, context.short === true ? 2_000 : 10_000)));
  }
  return {
    rows,
    notes: [
      `A round: draw, offer, answers, download and upload of ${size} float32 values, admission, sum, and every state in the store.`,
      "nats-server with JetStream, aggregator and clients are processes of their own on this machine; medians and p99 of all rounds but the first five.",
      "Simulated clients speak the same protocol in virtual time; 0.5 % of the messages are lost, 8 % of the uploads break off. The seed is played twice: the same means all that was told of rounds, with the hashes of their records, and the values, to the last bit.",
    ],
  };
}

interface Play {
  readonly clients: number;
  readonly goal: number;
  readonly rounds: number;
}

/** @returns milliseconds of each round */
async function overNats({ clients, goal: wanted, rounds }: Play): Promise<readonly number[]> {
  await using server = await startNatsServer();
  const task = "digits";
  await using owned = new AsyncDisposableStack();
  const connection = await connectNats({ servers: server.address, name: "aggregator" });
  owned.defer(() => connection.close());
  const store = await createNatsKvStore({ connection, bucket: "shoal-bench-federated" });
  const settings = settingsFor({
    ...{ goal: wanted, minimum: wanted, invited: wanted },
    ...{ selectionTimeoutMs: 60_000, configurationTimeoutMs: 10_000, reportingTimeoutMs: 30_000 },
  });
  const kernels = createKernelSite("baseline");
  const aggregator = await openAggregator({
    ...{ run: task, description: descriptionOf(settings, size), settings: { ...settings, normBound: null } },
    ...{ plane: createNatsAggregatorPlane(connection, { cluster: "bench", task }), store, clock: systemClock },
    ...{ random: createSystemRandom(), codecs: createVectorCodecs(float32, { size }, kernels) },
  });
  owned.defer(() => aggregator.close());
  const child = await startClients([server.address, task, String(clients), String(size)]);
  owned.defer(() => ended(child));
  return await play(aggregator, rounds);
}

async function play(aggregator: Aggregator, rounds: number): Promise<readonly number[]> {
  const parameters = new Float32Array(size);
  const gradient = new Float32Array(size);
  const times: number[] = [];
  for (let step = 0; step < rounds + warmUp; step += 1) {
    const startedAt = performance.now();
    await aggregator.aggregate({ step, version: step, parameters, gradient });
    times.push(performance.now() - startedAt);
    for (let key = 0; key < size; key += 1) parameters[key] = (parameters[key] ?? 0) - (gradient[key] ?? 0);
  }
  return times.slice(warmUp);
}

const warmUp = 5;

async function startClients(parameters: readonly string[]): Promise<ChildProcess> {
  const execArgv = ["--conditions=shoal-source"];
  const child = fork(join(import.meta.dirname, "clients-process.ts"), [...parameters], { execArgv });
  await new Promise<void>((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("exit", (code) => reject(new Error(`the clients ended with ${String(code)}`)));
  });
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.disconnect();
  await exited;
}

function rowsOf(name: string, times: readonly number[], hasAim: boolean): readonly Row[] {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  const median = at(0.5);
  const total = times.reduce((sum, time) => sum + time, 0);
  return [
    hasAim
      ? compare({
          ...{ name: `${name}: a round`, value: median, unit: "ms", limit: aimMs, limitName: "aim" },
          aim: { kind: "at_most", ratio: 1 },
        })
      : figure(`${name}: a round`, median, "ms"),
    figure(`${name}: p99`, at(0.99), "ms"),
    figure(`${name}: rounds`, (1_000 * times.length) / total, "rounds/s"),
  ];
}

async function simulated(context: BenchmarkContext, clients: number): Promise<readonly Row[]> {
  const play = { seed: 1, clients, rounds: 10, goal: 100 };
  const startedAt = context.now();
  const run = await playPopulation(play);
  const seconds = (context.now() - startedAt) / 1_000;
  context.say(`simulated ${clients} clients, seed 1: digest ${run.digest.slice(0, 16)}`);
  const again = await playPopulation(play);
  return [
    compare({
      name: `${clients} simulated clients: plays of one seed that came to the same`,
      value: again.digest === run.digest && again.messages === run.messages ? 2 : 1,
      unit: "plays",
      limit: 2,
      limitName: "played",
      aim: { kind: "at_least", ratio: 1 },
    }),
    figure(`${clients} simulated clients: messages`, run.messages / seconds, "messages/s"),
    figure(`${clients} simulated clients: ten rounds of 100`, seconds, "s"),
    figure(`${clients} simulated clients: virtual time`, run.virtualMs / 1_000, "s"),
  ];
}
