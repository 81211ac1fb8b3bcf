/** One run over real processes whose workers and servers come and go by notice, and what was seen of it. */
import { explainRun, type RunStatus } from "shoal";
import type { KillableCluster } from "./killable-cluster.ts";

/** What happens once so many of a hundred batches are done, and what is before is over. */
export interface ElasticPlan {
  /** Servers that join, are waited for until each holds a shard; then workers, until each has trained. */
  readonly joining: { readonly servers: readonly string[]; readonly workers: readonly string[] };
  /** All at once, by SIGTERM. */
  readonly leaving: { readonly servers: readonly string[]; readonly workers: readonly string[] };
}

export interface ElasticEvent {
  readonly what: string;
  readonly atMs: number;
  /** Longest time without a finished batch from then to the next event, ms. */
  longestPauseMs: number;
  /** By server at the end of this part: shards led and copies held. */
  shards: Readonly<Record<string, number>>;
}

export interface ElasticRun {
  readonly status: RunStatus;
  readonly events: readonly ElasticEvent[];
  /** Exit codes of those that left. */
  readonly codes: Readonly<Record<string, number | string>>;
  /** Nodes whose process was another one in the end than when it joined. */
  readonly restarted: readonly string[];
}

const lookMs = 40;
/** Nodes start, and shards move, within this time; on a machine with little to spare. */
const limitMs = 90_000;

/** @throws Error when the run fails, or ends before everything has happened */
export async function playElastic(
  cluster: KillableCluster,
  job: object,
  plan?: ElasticPlan,
  say: (line: string) => void = () => undefined,
): Promise<ElasticRun> {
  const run = await cluster.submit(job);
  const events: ElasticEvent[] = [];
  const watch = watchProgress(cluster, run, events, say);
  const codes: Record<string, number | string> = {};
  const first = cluster.pids();
  let joined = first;
  if (plan !== undefined) {
    const until = (what: string, condition: (status: RunStatus) => boolean): Promise<void> =>
      watch.until(what, (status) => status.phase === "training" && condition(status));
    await until("it trains", ({ batchesDone, totalBatches }) => batchesDone > totalBatches / 20);
    watch.note("begins");
    const { servers, workers } = plan.joining;
    await Promise.all(servers.map((server) => cluster.add(server)));
    watch.note(`${servers.length} servers join`);
    await until("new servers hold shards", (status) =>
      servers.every((name) => status.servers.some((each) => each.name === name && each.leads + each.copies > 0)),
    );
    await Promise.all(workers.map((worker) => cluster.add(worker)));
    watch.note(`${workers.length} workers join`);
    await until("new workers train", (status) =>
      workers.every((name) => status.workers.some((each) => each.name === name && each.batches > 0)),
    );
    joined = cluster.pids();
    const leavers = [...plan.leaving.workers, ...plan.leaving.servers];
    watch.note(`${plan.leaving.workers.length} workers and ${plan.leaving.servers.length} servers leave`);
    await Promise.all(leavers.map(async (name) => void (codes[name] = await cluster.leave(name))));
    await until("it goes on", () => true);
  }
  const status = await cluster.completed(run);
  await watch.stop();
  const now = cluster.pids();
  const stayed = [...joined.keys()].filter((name) => !(name in codes));
  const restarted = stayed.filter((name) => now.get(name) !== (first.get(name) ?? joined.get(name)));
  return { status, events, codes, restarted };
}

/** Lines of the coordinator's log that a failure shows, the newest. */
const linesShown = 200;

/** Says what was seen when something did not happen: that a machine had much to do explains nothing. */
async function culprit(
  { connection: { system, coordinator }, log }: KillableCluster,
  run: string,
  what: string,
  events: readonly ElasticEvent[],
  last: RunStatus | undefined,
): Promise<Error> {
  const { phase, reason, servers, workers } = last ?? { phase: "unknown" };
  const why = await explainRun(system, coordinator, run).catch(String);
  const seen = Object.entries({ servers, workers, events, why }).map(
    ([name, each]) => `${name}: ${JSON.stringify(each)}`,
  );
  const lines = log().split("\n").slice(-linesShown);
  return new Error([`run ${run} is ${phase} before ${what}: ${reason ?? ""}`, ...seen, ...lines].join("\n"));
}

interface Watch {
  note(what: string): void;
  until(what: string, condition: (status: RunStatus) => boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Looks at the run again and again; what it sees belongs to the newest event. */
function watchProgress(
  cluster: KillableCluster,
  run: string,
  events: ElasticEvent[],
  say: (line: string) => void,
): Watch {
  let last: RunStatus | undefined;
  let done = -1;
  let sinceMs = performance.now();
  let isOver = false;
  const look = async (): Promise<void> => {
    while (!isOver) {
      last = await cluster.status(run).catch(() => last);
      const nowMs = performance.now();
      if (last !== undefined && last.batchesDone !== done) [done, sinceMs] = [last.batchesDone, nowMs];
      const event = events.at(-1);
      if (last?.phase === "training" && event !== undefined) {
        // A pause that began before counts from the event on.
        event.longestPauseMs = Math.max(event.longestPauseMs, nowMs - Math.max(sinceMs, event.atMs));
        event.shards = Object.fromEntries(last.servers.map(({ name, leads, copies }) => [name, leads + copies]));
      }
      await new Promise((resolve) => void setTimeout(resolve, lookMs));
    }
  };
  const looking = look();
  return {
    note(what) {
      say(`${what}, ${last?.batchesDone ?? 0} of ${last?.totalBatches ?? 0} batches done`);
      events.push({ what, atMs: performance.now(), longestPauseMs: 0, shards: {} });
    },
    async until(what, condition) {
      const deadline = performance.now() + limitMs;
      while (last === undefined || !condition(last)) {
        const ended = last !== undefined && ["completed", "failed", "cancelled"].includes(last.phase);
        if (ended || performance.now() > deadline) throw await culprit(cluster, run, what, events, last);
        await new Promise((resolve) => void setTimeout(resolve, lookMs));
      }
    },
    async stop() {
      isOver = true;
      await looking;
    },
  };
}
