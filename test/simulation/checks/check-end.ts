/** What the end of a run has to be. */
import type { RunStatus } from "@shoal/protocol";
import type { Scenario } from "../scenario/scenario.ts";
import type { Cluster } from "../world/cluster.ts";
import type { World } from "../world/world.ts";
import type { DiskWatch } from "./check-disk.ts";

/** Attempts in a row that may end without a new snapshot. */
const fruitlessAttempts = 3;

export function checkEnd(world: World, cluster: Cluster, status: RunStatus | undefined): readonly string[] {
  const { scenario } = world;
  const faults = cluster.failures.map(
    ({ address, error, messageType }) => `actor ${address} failed at ${messageType ?? "its start"}: ${error.message}`,
  );
  if (status === undefined) return [...faults, "nobody knows the run"];
  if (status.phase === "completed") return [...faults, ...checkCounts(scenario, status), ...checkLosses(world, status)];
  if (!mayFail(world, cluster, status))
    faults.push(`the run is ${status.phase}: ${status.reason}; ${describeWaits(cluster)}`);
  return faults;
}

function checkCounts({ samples, job }: Scenario, status: RunStatus): readonly string[] {
  const expected = samples * job.epochs;
  if (status.batchesDone === status.totalBatches && status.samples === expected) return [];
  return [
    `it counts ${status.batchesDone} of ${status.totalBatches} batches and ${status.samples} of ${expected} samples`,
  ];
}

/** What is missing on a shard is said, and nothing else. */
function checkLosses({ witness }: World, { reason }: RunStatus): readonly string[] {
  const said = new Map(
    [...reason.matchAll(/(\d+) on shard (\d+)/g)].map(([, lost, shard]) => [Number(shard), Number(lost)]),
  );
  return [...witness.missing].flatMap(([shard, lost]) => {
    const told = said.get(shard) ?? 0;
    return told === lost ? [] : [`shard ${shard} lacks ${lost} batches, and the run speaks of ${told}: ${reason}`];
  });
}

/** A run may end without its work only when what it needs is gone for good, and then it says what that is. */
function mayFail(world: World, cluster: Cluster, { phase, error, run }: RunStatus): boolean {
  if (phase !== "failed" || error === null) return false;
  if (error.code === "server_lost") {
    const isNamed = world.processes.some(({ node }) => error.message.includes(`${node} held shards`));
    return isNamed && hasLostShard(world, cluster) && !canGoOn(world, cluster.watch, run);
  }
  // All who were in a synchronous step have died in the middle of a push: see `run_failed` in the table of errors.
  const isHalfApplied = error.code === "run_failed" && error.details?.["step"] !== undefined;
  return isHalfApplied && world.processes.some(({ node }) => node.startsWith("worker") && isGone(world, cluster, node));
}

/** It has a snapshot to go on from, and has not done so too often for nothing. */
function canGoOn({ witness, scenario }: World, { newest }: DiskWatch, run: string): boolean {
  return (
    scenario.job.durability.snapshots !== null && newest(run) !== undefined && witness.eras.count <= fruitlessAttempts
  );
}

/** Everybody who had all of some shard is gone. Runs without copies tell of no seats: any server may have been the only one. */
function hasLostShard(world: World, cluster: Cluster): boolean {
  const { seats } = world.witness;
  const servers = world.processes.filter(({ node }) => node.startsWith("server"));
  if (seats.size === 0) return servers.some(({ node }) => isGone(world, cluster, node));
  return [...seats.values()].some(({ primary, replicas }) =>
    [primary, ...replicas].every(({ node }) => isGone(world, cluster, node)),
  );
}

/** It has died, stood still, or been cut off: others may have given it up. Who left in order has left nothing behind. */
function isGone({ processes, scenario }: World, { released }: Cluster, name: string): boolean {
  const lives = processes.filter(({ node }) => node === name);
  if (lives.some((each) => (each.isDead && !released.has(each)) || each.hasPaused)) return true;
  return scenario.mishaps.some(
    ({ mishap }) =>
      mishap.kind === "partition" && (mishap.right === "*" || [...mishap.left, ...mishap.right].includes(name)),
  );
}

/** Who waits for what, for people. */
export function describeWaits(cluster: Cluster): string {
  const waits = cluster.lives.flatMap(({ worker, process }) => (process.isDead ? [] : (worker?.waits() ?? [])));
  return waits.length === 0 ? "no worker waits" : JSON.stringify(waits);
}
