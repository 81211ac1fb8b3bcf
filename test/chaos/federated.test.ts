/**
 * A federated run whose every part is killed once: the worker with the aggregator, the coordinator, nats-server, and a process
 * of clients in the middle of a round. It ends as if nothing had been, and its log tells every round once.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ChainedRound, RoundRecord } from "@shoal/aggregator";
import type { SessionEvent } from "@shoal/edge-client";
import { hexOf, sha256 } from "@shoal/federated";
import { decodeModelFile } from "@shoal/models";
import type { RunStatus } from "shoal";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startKillableCluster, type KillableCluster } from "../support/killable-cluster.ts";
import { perceptron } from "../support/perceptron.ts";
import { isAlive, processesOf, runCommand } from "../support/shoal-command.ts";

const seconds = { selection: 2, configuration: 2, reporting: 4 };
/** What a busy machine, and a round whose aggregator or NATS is gone for a lease, may take more. */
const slackMs = 8_000;

interface Case {
  readonly rounds: number;
  readonly aggregation: object;
  readonly maximumStaleness: number;
  /** Of what clients do: with SCAFFOLD both sides keep controls through all of it. */
  readonly correction: "none" | "scaffold";
}

const jobWith = ({ rounds, aggregation, maximumStaleness, correction }: Case): object => ({
  name: "killed",
  model: perceptron([16]),
  data: { type: "digits", samples: 100, testSamples: 100, seed: 2 },
  optimizer: { name: "sgd", learningRate: 1 },
  durability: { replicas: 1 },
  federated: {
    ...{ rounds, aggregation, maximumStaleness, minimum: 2, overSelection: 1.25 },
    selectionSeconds: seconds.selection,
    configurationSeconds: seconds.configuration,
    reportingSeconds: seconds.reporting,
    ...{ local: { learningRate: 0.1, epochs: 2, batchSize: 10, correction }, population: 6 },
    up: [{ name: "int8" }],
  },
});

interface Clients extends AsyncDisposable {
  readonly events: readonly (SessionEvent & { readonly client: string })[];
  readonly process: ChildProcess;
  /** Settles with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
}

let cluster: KillableCluster;
const owned: AsyncDisposable[] = [];

beforeAll(async () => {
  cluster = await startKillableCluster({ workers: 2, servers: 2 });
});
afterEach(async () => {
  for (const each of owned.splice(0)) await each[Symbol.asyncDispose]();
});
afterAll(() => cluster[Symbol.asyncDispose]());

function startClients(run: string, names: readonly string[]): Clients {
  const script = join(import.meta.dirname, "../support/federated-clients.ts");
  const { workplace, nats } = cluster;
  const place = [`nats://${nats.address}`, "killed-and-back", run, join(workplace.folder, "clients")];
  const child = spawn(process.execPath, ["--conditions=shoal-source", script, ...place, ...names], {
    stdio: ["ignore", "pipe", "inherit"],
    env: workplace.environment,
  });
  const events: (SessionEvent & { client: string })[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) events.push(JSON.parse(line) as SessionEvent & { client: string });
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  const clients = {
    ...{ events, ended, process: child },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
  owned.push(clients);
  return clients;
}

/** When a client has just begun to do this. */
async function next({ events }: Clients, type: SessionEvent["type"]): Promise<void> {
  const seen = events.length;
  await expect.poll(() => events.slice(seen).some((event) => event.type === type), { timeout: 15_000 }).toBe(true);
}

const committedBefore = (run: string, count: number): Promise<RunStatus> =>
  cluster.until(run, ({ batchesDone }) => batchesDone >= count);

/** The worker that has the run's only slot. */
function aggregatorOf({ workers }: RunStatus): string {
  return workers.reduce((most, each) => (each.batches > most.batches ? each : most)).name;
}

const taken = ({ events }: Clients): number =>
  events.filter((event) => event.type === "answered" && event.answer.kind === "accepted").length;

interface Scene {
  readonly run: string;
  readonly steady: Clients;
  /** Killed, and after that those that go on with its work. */
  mortal: Clients;
  /** The worker that had the run's only slot when its first rounds were done. */
  readonly aggregator: string;
  /** What comes back while the run goes on. */
  readonly restarts: Promise<void>[];
}

const mortals = ["d", "e", "f"];

/** Each in the middle of a round. */
const deaths = {
  async clients(scene: Scene) {
    await next(scene.mortal, "training");
    scene.mortal.process.kill("SIGKILL");
    expect(await scene.mortal.ended).toBe("SIGKILL");
    scene.mortal = startClients(scene.run, mortals);
  },
  async nats({ steady }: Scene) {
    await next(steady, "offered");
    await cluster.nats.kill();
    await cluster.nats.restart();
  },
  async aggregator({ run, steady, aggregator, restarts }: Scene) {
    await next(steady, "offered");
    await cluster.kill(aggregator);
    const { batchesDone } = await cluster.status(run);
    await committedBefore(run, batchesDone + 3); // by the other worker
    restarts.push(cluster.start(aggregator));
  },
  async coordinator({ steady }: Scene) {
    await next(steady, "offered");
    await cluster.kill("coordinator");
    await cluster.start("coordinator");
  },
} as const;

/** Every round once and in time, every step committed by one, nobody counted twice, and the values that were told last. */
function checkRounds(records: readonly RoundRecord[], rounds: number): void {
  expect(records.map(({ round }) => round)).toEqual(Array.from(records, (_, index) => index + 1));
  const committed = records.filter(({ outcome }) => outcome === "committed");
  expect(committed.map(({ step }) => step)).toEqual(Array.from({ length: rounds }, (_, step) => step));
  const deadlineMs = 1_000 * (seconds.selection + seconds.configuration + seconds.reporting);
  for (const { round, phases, contributed } of records) {
    const lasted = (phases.at(-1)?.atMs ?? 0) - (phases[0]?.atMs ?? 0);
    expect(lasted, `round ${round}`).toBeLessThan(deadlineMs + slackMs);
    const clients = contributed.list.map(({ client }) => client);
    expect(new Set(clients).size, `round ${round}`).toBe(clients.length);
  }
  const counted = committed.flatMap(({ contributed }) => contributed.list.map(({ contribution }) => contribution));
  expect(new Set(counted).size).toBe(counted.length);
}

async function recordsOf(run: string): Promise<readonly RoundRecord[]> {
  const { text } = await runCommand(["rounds", run, "--json", "--verify"], { workplace: cluster.workplace });
  const lines = text.trim().split("\n");
  const records = lines.slice(0, -1).map((line): RoundRecord => (JSON.parse(line) as ChainedRound).body);
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ type: "verified", records: records.length });
  // Its workers say the same over the wire.
  const { text: heard } = await runCommand(["rounds", run, "--json", "--nats", `nats://${cluster.nats.address}`], {
    ...{ workplace: cluster.workplace, environment: { SHOAL_TOKEN: "killed-and-back" } },
  });
  expect(heard.trim().split("\n")).toEqual(lines.slice(0, -1));
  return records;
}

const cases: readonly (Case & { readonly die: readonly ((scene: Scene) => Promise<void>)[] })[] = [
  {
    ...{ aggregation: { name: "fedavg", goal: 4 }, maximumStaleness: 0, correction: "scaffold" },
    ...{ die: Object.values(deaths), rounds: 36 },
  },
  {
    ...{ aggregation: { name: "fedbuff", buffer: 4 }, maximumStaleness: 4, correction: "none" },
    ...{ die: [deaths.clients, deaths.aggregator], rounds: 16 },
  },
];

describe("a federated run whose every part is killed once", () => {
  it.each(cases)("ends with $aggregation.name, every round in its log once", { timeout: 90_000 }, async (given) => {
    const { rounds, die } = given;
    const run = await cluster.submit(jobWith(given));
    const [steady, mortal] = [startClients(run, ["a", "b", "c"]), startClients(run, mortals)];
    const aggregator = aggregatorOf(await committedBefore(run, 3));
    const scene: Scene = { run, steady, mortal, aggregator, restarts: [] };
    for (const death of die) {
      await death(scene);
      const { batchesDone } = await cluster.status(run);
      await committedBefore(run, batchesDone + 2);
    }
    const { result, batchesDone } = await cluster.completed(run);
    await Promise.all(scene.restarts);

    expect(batchesDone).toBe(rounds);
    await expect(Promise.all([steady.ended, scene.mortal.ended])).resolves.toEqual([0, 0]);
    expect(taken(scene.mortal)).toBeGreaterThan(0);
    const records = await recordsOf(run);
    checkRounds(records, rounds);
    // Int8 takes a byte a parameter; with a control as many again.
    const least = (784 * 16 + 16 + 16 * 10 + 10) * (given.correction === "scaffold" ? 2 : 1);
    const sizes = records.flatMap(({ contributed }) => contributed.list.map(({ bytes }) => bytes));
    expect(Math.min(...sizes)).toBeGreaterThan(least);
    const { parameters } = decodeModelFile(readFileSync(result?.modelFile ?? ""));
    const { buffer, byteOffset, byteLength } = parameters;
    expect(records.at(-1)?.hash).toBe(hexOf(sha256(new Uint8Array(buffer, byteOffset, byteLength))));
  });

  it("leaves no process behind", async () => {
    const pids = [...cluster.pids().values()];
    await cluster.end();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(processesOf(cluster.workplace)).toEqual([]);
  });
});
