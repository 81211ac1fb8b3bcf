/** Kills nodes of a cluster at random while it trains. */
import type { Random } from "@shoal/actors";
import type { KillableCluster } from "./killable-cluster.ts";
import { changesBecauseOf, seatChanges } from "./seat-changes.ts";
import type { Kill } from "./fail-over-pauses.ts";

export interface KillingOptions {
  readonly cluster: KillableCluster;
  readonly run: string;
  /** Who may be killed; one of them is always there. */
  readonly nodes: readonly string[];
  readonly kills: number;
  readonly random: Random;
  /** Told of each kill. */
  readonly onKill?: (kill: Kill, number: number) => void;
}

/** Longest time between a kill that was noticed and the next look whether all copies are there again. */
const longestCalmMs = 400;
/** A killed node is away for so long at most. */
const longestAbsenceMs = 1_500;
/** A node that held something is missed within this time; who held nothing is not. */
const missedWithinMs = 1_500;
/** How long copies may take to be there again; a node that starts on a busy machine takes seconds. */
const healedWithinMs = 60_000;

/**
 * Kills, waits until the seats have changed and all copies are there again, and so on. Who was killed comes back after a
 * random while. Settles when as many have been killed, or the run has ended, and all are back.
 * @throws Error when copies are not filled again in time: something hangs
 */
export async function killAtRandom(options: KillingOptions): Promise<readonly Kill[]> {
  const { cluster, random, onKill } = options;
  const kills: Kill[] = [];
  const away = new Map<string, Promise<void>>();
  while (kills.length < options.kills) {
    await pause(random.integer(longestCalmMs));
    // At the last moment: a server of a busy machine may be suspected at any time, and its copies with it.
    if (!(await isWhole(options))) break;
    const here = options.nodes.filter((node) => !away.has(node));
    if (here.length === 1) {
      await Promise.race(away.values());
      continue;
    }
    const node = here[random.integer(here.length)] ?? "";
    const absenceMs = random.integer(longestAbsenceMs);
    const kill = { node, atMs: await cluster.kill(node) };
    kills.push(kill);
    onKill?.(kill, kills.length);
    const returned = pause(absenceMs).then(async () => {
      await cluster.start(node);
      away.delete(node);
    });
    returned.catch(() => undefined); // Thrown below.
    away.set(node, returned);
    if (node.startsWith("server")) await isMissed(cluster, kill);
  }
  await Promise.all(away.values());
  return kills;
}

/** Waits until the run trains with all copies, and all workers where those are killed. @returns false when it has ended */
async function isWhole({ cluster, run, nodes }: KillingOptions): Promise<boolean> {
  const workers = nodes.filter((node) => node.startsWith("worker")).length;
  const staffed = workers === 0 ? "training on" : `training on ${workers} worker`;
  const sinceMs = performance.now();
  let last = "";
  for (;;) {
    const { phase, reason } = await cluster.status(run);
    if (["completed", "failed", "cancelled"].includes(phase)) return false;
    if (phase === "training" && reason.startsWith(staffed) && !/ ha(?:s|ve) only /.test(reason)) return true;
    last = reason;
    if (performance.now() - sinceMs > healedWithinMs) throw new Error(`after ${healedWithinMs} ms still ${last}`);
    await pause(50);
  }
}

async function isMissed(cluster: KillableCluster, { node, atMs }: Kill): Promise<void> {
  while (Date.now() - atMs < missedWithinMs) {
    const since = seatChanges(cluster.log()).filter((each) => each.atMs >= atMs);
    if (changesBecauseOf(node, since).length > 0) return;
    await pause(20);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
