/**
 * What replication costs: training steps over gRPC on shards without a copy, with one whose entries are not waited for
 * (`memory`), and with one that must have every entry before anything is acknowledged (`replicated`).
 *
 * The three take turns on the same two server processes, so that a machine that grows slower does so for all. Of each the
 * best turn counts, because whatever disturbs a turn can only lengthen it.
 */
import { systemClock } from "@shoal/actors";
import { createKernelMemory } from "@shoal/kernels-wasm";
import { createGrpcLinkFactory } from "@shoal/worker";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";
import { arrangements, startServerPair, workers, type Arrangement, type Mode, type ServerPair } from "./cluster.ts";
import { startTrainers, takeVectors, type Trainers } from "./trainers.ts";

const allSizes = [4 * 2 ** 10, 64 * 2 ** 10, 2 ** 20, 4 * 2 ** 20, 16 * 2 ** 20, 64 * 2 ** 20];
const shortSizes = [4 * 2 ** 10, 2 ** 20];
const modes: readonly Mode[] = ["synchronous", "asynchronous"];
const rounds = 15;
const turnMs = 80;
/** Steps of a turn, and turns, at the least, whatever they take. */
const fewestSteps = 2;
const fewestTurns = 3;
const aim = { kind: "at_least", ratio: 0.6 } as const;

export const benchmark: Benchmark = {
  name: "replication",
  summary: "training steps over gRPC: one copy that is waited for, beside one that is not, beside none",
  run: measure,
};

async function measure(context: BenchmarkContext): Promise<Report> {
  const { only = "", short = false, turns = short ? { rounds: 1, turnMs: 60 } : { rounds, turnMs } } = context;
  const servers = await startServerPair();
  const rows: Row[] = [];
  try {
    for (const mode of modes) {
      for (const bytes of short ? shortSizes : allSizes) {
        const name = `${mode} ${nameOf(bytes)}`;
        if (!name.includes(only)) continue;
        context.say(name);
        rows.push(...(await measureOne(servers, { name, mode, bytes, turns, now: context.now })));
      }
    }
  } finally {
    await servers.stop();
  }
  return { rows, notes: notes(turns) };
}

interface Subject {
  readonly name: string;
  readonly mode: Mode;
  readonly bytes: number;
  readonly turns: { readonly rounds: number; readonly turnMs: number };
  readonly now: () => number;
}

async function measureOne(servers: ServerPair, subject: Subject): Promise<readonly Row[]> {
  const { name, mode, bytes, turns, now } = subject;
  const memory = createKernelMemory();
  const vectors = takeVectors(memory, bytes);
  const links = createGrpcLinkFactory({ clock: systemClock });
  const sites: { readonly arrangement: Arrangement; readonly run: string; readonly trainers: Trainers }[] = [];
  for (const arrangement of arrangements) {
    const run = await servers.host(mode, arrangement, bytes);
    const trainers = await startTrainers(links, servers.endpoint, run, mode, vectors);
    await trainers.steps(fewestSteps);
    sites.push({ arrangement, run, trainers });
  }
  const speeds = new Map<Arrangement, number[]>(arrangements.map((arrangement) => [arrangement, []]));
  const enoughAt = now() + 2 * sites.length * turns.rounds * turns.turnMs;
  for (let round = 0; round < turns.rounds && (round < fewestTurns || now() < enoughAt); round++) {
    for (const { arrangement, trainers } of sites) {
      speeds.get(arrangement)?.push(await stepsPerSecond(trainers, turns.turnMs, now));
    }
  }
  for (const { run, trainers } of sites) {
    await trainers.close();
    await servers.release(run);
  }
  vectors.free();
  return rowsOf(name, bytes, (arrangement) => Math.max(...(speeds.get(arrangement) ?? [])));
}

/** Of each worker. */
async function stepsPerSecond(trainers: Trainers, turnMs: number, now: () => number): Promise<number> {
  const startedAt = now();
  let made = 0;
  while (made < fewestSteps || now() - startedAt < turnMs) {
    await trainers.steps(fewestSteps);
    made += fewestSteps;
  }
  return (made * 1000) / (now() - startedAt);
}

function rowsOf(name: string, bytes: number, speedOf: (arrangement: Arrangement) => number): readonly Row[] {
  const [none, memory, replicated] = arrangements.map(speedOf) as [number, number, number];
  const beside = { name: `${name}, replicated`, value: replicated, unit: "steps/s" };
  // Each step moves one gradient and one vector of values a worker.
  const moved = (2 * workers * bytes * replicated) / 1e6;
  return [
    compare({ ...beside, limit: memory, limitName: "memory", aim }),
    compare({ ...beside, limit: none, limitName: "no replica" }),
    figure(`${name}, replicated, moved between workers and primary`, moved, "MB/s"),
  ];
}

function nameOf(bytes: number): string {
  return bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 10} KiB`;
}

function notes({ rounds: taken, turnMs: length }: Subject["turns"]): readonly string[] {
  return [
    `${workers} workers, each pushes and pulls the shard in one exchange, one after the other; best of ${taken} turns of ${length} ms.`,
    "A synchronous step is applied once for both workers, an asynchronous one for each; SGD with momentum.",
    "Workers share one process; primary and replica have one each. All of them share this machine's cores.",
  ];
}
