/**
 * What a snapshot costs: how long shards stand still while they copy their state, and how fast it is written.
 *
 * One server of this process holds all parameters, in shards of equal size; with more servers each copies its part at the
 * same time.
 */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createActorSystem,
  createInProcessBus,
  createSystemRandom,
  systemClock,
  type ActorSystem,
  type Ref,
} from "@shoal/actors";
import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import type { InitializeReply, Refusal, ServerReply, ShardCommand, SnapshotReply } from "@shoal/protocol";
import { createShardHost, type Hosting, type ShardHost } from "@shoal/ps-server";
import { createFolderStore } from "../../packages/shoal/src/snapshots/folder-store.ts";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";

const shards = 16;
const run = "bench";
/** What the issue asks for, ms. */
const longestPauseMs = 200;

export const benchmark: Benchmark = {
  name: "snapshot",
  summary: "how long shards stand still for a snapshot, and how fast it is written to a folder",
  run: measure,
};

interface Subject {
  readonly name: string;
  readonly parameters: number;
  readonly optimizer: Hosting["optimizer"];
}

const millions = (count: number): number => count * 1_000_000;
const subjects: readonly Subject[] = [
  { name: "sgd, 100 M parameters", parameters: millions(100), optimizer: { name: "sgd", learningRate: 0.1 } },
  { name: "adam, 100 M parameters", parameters: millions(100), optimizer: { name: "adam", learningRate: 0.1 } },
];
const small: readonly Subject[] = [
  { name: "adam, 1 M parameters", parameters: millions(1), optimizer: { name: "adam", learningRate: 0.1 } },
];

async function measure(context: BenchmarkContext): Promise<Report> {
  const rows: Row[] = [];
  for (const subject of context.short === true ? small : subjects) {
    if (!subject.name.includes(context.only ?? "")) continue;
    context.say(subject.name);
    rows.push(...(await measureOne(subject, context)));
  }
  return {
    rows,
    notes: [
      `One server in this process holds all parameters in ${shards} shards; of the copies the best of 3 rounds counts.`,
      "A shard that copies itself answers nobody meanwhile. It does so behind those who wait for the version, while the workers compute; where they compute for less than all copies take, they wait for the rest.",
      "The limit of writing is one file of the same bytes, written in the same parts and synchronised.",
    ],
  };
}

async function measureOne(
  { name, parameters, optimizer }: Subject,
  context: BenchmarkContext,
): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "shoal-bench-"));
  const system = createActorSystem({
    ...{ node: "server-1", bus: createInProcessBus(), clock: systemClock, random: createSystemRandom() },
  });
  const memory = createKernelMemory();
  const kernels = instantiateKernels(await loadKernelModules(), memory);
  const host = createShardHost({ system, memory, kernels, snapshots: createFolderStore(folder) });
  try {
    const size = parameters / shards;
    await host.host(hostingOf(size, optimizer));
    await initialize(system, host, size);
    const copies = await bestCopies(system, host);
    const { ms, bytes } = await save(system, host, context.now);
    const fillMs = fillNewMemory(bytes, context.now);
    const plainMs = await writePlainly(join(folder, "plain"), bytes, context.now);
    const rate = (took: number): number => bytes / 1e6 / (took / 1000);
    return [
      compare({
        ...{ name: `${name}: the longest that a shard stands still`, value: copies.longest, unit: "ms" },
        ...{ limit: longestPauseMs, limitName: "bound", aim: { kind: "at_most", ratio: 1 } },
      }),
      compare({
        ...{ name: `${name}: all shards copy, one after the other`, value: copies.total, unit: "ms" },
        ...{ limit: fillMs, limitName: "fill new memory" },
      }),
      compare({ name: `${name}: written`, value: rate(ms), unit: "MB/s", limit: rate(plainMs), limitName: "one file" }),
      figure(`${name}: size`, bytes / 1e6, "MB"),
    ];
  } finally {
    await host.close();
    await system.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function hostingOf(size: number, optimizer: Hosting["optimizer"]): Hosting {
  return {
    ...{ run, term: 1, treatments: [{ kind: "optimizer", weightDecay: null, learningRateScale: 1 }] },
    shards: Array.from({ length: shards }, (_, shard) => ({
      ...{ shard, begin: shard * size, end: (shard + 1) * size, updates: [[size, 0]] },
    })),
    ...{ optimizer, schedule: { name: "constant" }, consistency: { mode: "asynchronous" }, aggregation: "mean" },
    ...{ staleness: {}, slots: 1, members: { revision: 1, workers: [], slotOwners: [] } },
  };
}

async function ask<R>(
  system: ActorSystem,
  host: ShardHost,
  shard: number,
  make: (replyTo: Ref<R>) => ShardCommand,
): Promise<R> {
  const ref = host.find(run, shard);
  if (ref === undefined) throw new Error(`shard ${shard} is not hosted`);
  return system.ask<ShardCommand, R>(ref, make, { deadlineMs: 60_000, reason: "to measure it" });
}

async function initialize(system: ActorSystem, host: ShardHost, size: number): Promise<void> {
  const values = Float32Array.from({ length: size }, (_, index) => Math.sin(index));
  for (let shard = 0; shard < shards; shard += 1) {
    await ask<InitializeReply | Refusal>(system, host, shard, (replyTo) => ({ type: "initialize", values, replyTo }));
  }
}

const rounds = 3;

/** Copies of all shards, which are dropped at once. */
async function bestCopies(system: ActorSystem, host: ShardHost): Promise<{ total: number; longest: number }> {
  let best = { total: Number.POSITIVE_INFINITY, longest: Number.POSITIVE_INFINITY };
  for (let round = 0; round < rounds; round += 1) {
    const times: number[] = [];
    for (let shard = 0; shard < shards; shard += 1) {
      const onTaken = (ms: number): void => void times.push(ms);
      await ask<SnapshotReply>(system, host, shard, (replyTo) => ({ type: "snapshot", onTaken, replyTo }));
    }
    const total = times.reduce((sum, ms) => sum + ms, 0);
    if (total < best.total) best = { total, longest: Math.max(...times) };
  }
  return best;
}

async function save(
  system: ActorSystem,
  host: ShardHost,
  now: () => number,
): Promise<{ readonly ms: number; readonly bytes: number }> {
  const startedAt = now();
  const { promise, resolve } = Promise.withResolvers<ServerReply>();
  const replyTo: Ref<ServerReply> = { address: `${system.node}/bench`, tell: resolve };
  const wanted = Array.from({ length: shards }, (_, shard) => shard);
  host.save({ type: "save_shards", run, snapshot: "000-0000000000-1-1", version: null, shards: wanted, replyTo });
  const reply = await promise;
  if (reply.type !== "shards_saved") throw new Error(`nothing was saved: ${JSON.stringify(reply)}`);
  return { ms: now() - startedAt, bytes: reply.shards.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** What the same bytes take that are filled with a constant: a copy writes memory that nobody has touched yet. */
function fillNewMemory(bytes: number, now: () => number): number {
  const startedAt = now();
  for (let shard = 0; shard < shards; shard += 1) new Float32Array(bytes / 4 / shards).fill(shard + 1);
  return now() - startedAt;
}

const partBytes = 1 << 20;

async function writePlainly(path: string, bytes: number, now: () => number): Promise<number> {
  const part = new Uint8Array(partBytes).fill(7);
  const startedAt = now();
  const file = await open(path, "w");
  for (let written = 0; written < bytes; written += partBytes) {
    await file.write(part, 0, Math.min(partBytes, bytes - written));
  }
  await file.sync();
  await file.close();
  return now() - startedAt;
}
