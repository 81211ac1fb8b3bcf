/**
 * What an exchange costs on either link: throughput with four operations under way, and the latency of one alone.
 *
 * Beside the in-process link stands memory.copy of the same bytes, beside the gRPC link a raw TCP socket with the same
 * bytes and as many under way; both peers of a socket are processes of their own. A link and its peer take turns, so
 * that a machine that grows slower does so for both.
 */
import { systemClock } from "@shoal/actors";
import { createGrpcLinkFactory, createInProcessLinkFactory } from "@shoal/worker";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";
import { startChild } from "./child.ts";
import { drive, quantile, throughputOf, type Load } from "./load.ts";
import { copyPeer, createVectors, linkPeer, rawPeer, type Peer } from "./peers.ts";
import { connectRaw } from "./raw-client.ts";
import { createSite, inFlight, run, sizes } from "./site.ts";

/** The aims hold from here up; below, the messages are the cost and not the bytes. */
const aimedBytes = 2 ** 20;
const aims = { "in-process": 0.3, gRPC: 0.25 } as const;
const rounds = 3;
const throughputMs = 250;
const latencyMs = 150;

type Direction = "push" | "pull";

interface Pair {
  readonly name: keyof typeof aims;
  readonly link: Peer;
  readonly limit: Peer;
  readonly limitName: string;
}

export const benchmark: Benchmark = {
  name: "exchange",
  summary: "push and pull of one shard: the in-process link beside memcpy, the gRPC link beside a raw TCP socket",
  run: measure,
};

async function measure(context: BenchmarkContext): Promise<Report> {
  const site = await createSite();
  const [server, raw] = await Promise.all([startChild("server-process.ts"), startChild("raw-process.ts")]);
  try {
    const vectors = createVectors(site);
    const { memory, kernels, host } = site;
    const identity = { run, worker: 1, incarnation: 1, name: "worker-1" };
    const own = createInProcessLinkFactory({ directoryOf: () => host, memory, kernels, clock: systemClock });
    const remote = createGrpcLinkFactory({ clock: systemClock });
    const [inside, outside] = [own.connect("server-1", identity), remote.connect(server.said, identity)];
    const client = await connectRaw(Number(raw.said));
    for (const link of [inside, outside]) {
      for (const [shard] of sizes.entries()) {
        await link.initialize({ shard, values: vectors.into(shard, 0).fill(0) }, { deadlineMs: 60_000 });
      }
    }
    const pairs: readonly Pair[] = [
      { name: "in-process", link: linkPeer(inside, vectors), limit: copyPeer(site, vectors), limitName: "memcpy" },
      { name: "gRPC", link: linkPeer(outside, vectors), limit: rawPeer(client, vectors), limitName: "raw socket" },
    ];
    const rows: Row[] = [];
    for (const pair of pairs) rows.push(...(await measurePair(pair, context)));
    await Promise.all([inside.close(), outside.close()]);
    client.close();
    return { rows, notes: notes() };
  } finally {
    await Promise.all([server.stop(), raw.stop(), site.stop()]);
  }
}

async function measurePair(pair: Pair, context: BenchmarkContext): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [index, bytes] of sizes.entries()) {
    for (const direction of ["push", "pull"] as const) {
      context.say(`${pair.name}, ${direction} of ${nameOf(bytes)}`);
      rows.push(...(await measureOne(pair, index, bytes, direction, context.now)));
    }
  }
  return rows;
}

async function measureOne(
  pair: Pair,
  index: number,
  bytes: number,
  direction: Direction,
  now: () => number,
): Promise<readonly Row[]> {
  const speeds = { link: [] as number[], limit: [] as number[] };
  const latencies: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const side of ["link", "limit"] as const) {
      const operate = (lane: number): Promise<void> => pair[side][direction](index, lane);
      const load: Load = { inFlight, durationMs: throughputMs, least: 2 * inFlight, now };
      speeds[side].push(throughputOf(await drive(load, operate), bytes));
    }
    const alone: Load = { inFlight: 1, durationMs: latencyMs, least: 5, now };
    latencies.push(...(await drive(alone, (lane) => pair.link[direction](index, lane))).latenciesUs);
  }
  const name = `${pair.name} ${direction} ${nameOf(bytes)}`;
  return [
    compare({
      name,
      value: quantile(speeds.link, 0.5),
      unit: "MB/s",
      limit: quantile(speeds.limit, 0.5),
      limitName: pair.limitName,
      ...(bytes >= aimedBytes ? { aim: { kind: "at_least", ratio: aims[pair.name] } as const } : {}),
    }),
    figure(`${name}, latency median`, quantile(latencies, 0.5), "µs"),
    figure(`${name}, latency p99`, quantile(latencies, 0.99), "µs"),
  ];
}

function nameOf(bytes: number): string {
  return bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 10} KiB`;
}

function notes(): readonly string[] {
  return [
    `Throughput: ${inFlight} operations under way, median of ${rounds} turns of ${throughputMs} ms. Latency: one alone.`,
    "A push is complete when the shard has added the gradient to its values; the raw peer only stores the bytes.",
  ];
}
