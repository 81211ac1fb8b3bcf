/** Two servers, each a process of its own: one leads every shard, the other holds the copies. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { SeatHolder } from "@shoal/protocol";
import type { Hosting } from "@shoal/ps-server";

/** What a server process is asked for; it answers each with one message. */
export type Order =
  { readonly type: "host"; readonly hosting: Hosting } | { readonly type: "release"; readonly run: string };

/** What is measured beside each other. */
export const arrangements = ["no replica", "memory", "replicated"] as const;
export type Arrangement = (typeof arrangements)[number];

export type Mode = "synchronous" | "asynchronous";

/** Workers of every run; each is one slot. */
export const workers = 2;

export interface ServerPair {
  /** Where workers go. */
  readonly endpoint: string;
  /** One shard of so many bytes; settles when both servers have it. @returns name of the run */
  host(mode: Mode, arrangement: Arrangement, bytes: number): Promise<string>;
  release(run: string): Promise<void>;
  stop(): Promise<void>;
}

interface Server {
  readonly holder: SeatHolder;
  readonly order: (order: Order) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startServerPair(): Promise<ServerPair> {
  const [first, second] = await Promise.all([startServer(1), startServer(2)]);
  let runs = 0;
  return {
    endpoint: first.holder.endpoint,
    async host(mode, arrangement, bytes) {
      const run = `replication-${++runs}`;
      const hosting = hostingOf(run, mode, arrangement, bytes, [first.holder, second.holder]);
      if (arrangement !== "no replica") await second.order({ type: "host", hosting });
      await first.order({ type: "host", hosting });
      return run;
    },
    async release(run) {
      await Promise.all([first, second].map((server) => server.order({ type: "release", run })));
    },
    async stop() {
      await Promise.all([first.stop(), second.stop()]);
    },
  };
}

function hostingOf(
  run: string,
  mode: Mode,
  arrangement: Arrangement,
  bytes: number,
  [primary, replica]: readonly [SeatHolder, SeatHolder],
): Hosting {
  const keys = bytes / 4;
  const seat = { shard: 0, term: 1, primary, replicas: [replica], learners: [] };
  const shard = { shard: 0, begin: 0, end: keys, updates: [[keys, 0]] } as const;
  const numbers = Array.from({ length: workers }, (_, index) => index + 1);
  return {
    run,
    term: 1,
    shards: [arrangement === "no replica" ? shard : { ...shard, seat }],
    treatments: [{ kind: "optimizer", weightDecay: null, learningRateScale: 1 }],
    optimizer: { name: "sgd", learningRate: 1e-6, momentum: 0.9 },
    schedule: { name: "constant" },
    consistency: { mode },
    aggregation: "mean",
    staleness: {},
    slots: workers,
    ...(arrangement !== "no replica" && { acknowledge: arrangement }),
    members: {
      revision: 1,
      workers: numbers.map((member) => ({ member, incarnation: 1, name: `worker-${member}` })),
      slotOwners: numbers,
    },
  };
}

async function startServer(member: number): Promise<Server> {
  const file = join(import.meta.dirname, "server-process.ts");
  const child = fork(file, [String(member)], { execArgv: ["--conditions=shoal-source"] });
  const exited = once(child, "exit");
  const endpoint = await hear(child, exited);
  return {
    holder: { member, incarnation: 1, node: `server-${member}`, endpoint },
    async order(order) {
      const heard = hear(child, exited);
      child.send(order);
      const answer = await heard;
      if (answer !== "done") throw new Error(`server-${member}: ${answer}`);
    },
    async stop() {
      child.kill();
      await exited;
    },
  };
}

function hear(child: ChildProcess, exited: Promise<unknown>): Promise<string> {
  return Promise.race([
    once(child, "message").then(([message]) => String(message)),
    exited.then(() => {
      throw new Error("a server process ended before its time");
    }),
  ]);
}
