/** A server that is told to terminate: gives what it holds to others, at most for so long, and goes. */
import type { Cluster, Life } from "./cluster.ts";
import type { WorkerHandle } from "@shoal/worker";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** As long as the real process waits, ms. */
const drainLimitMs = 8_000;

/** Settles when it has gone. One that dies meanwhile goes as the dead do. */
export async function leaveInOrder(world: World, cluster: Cluster, { process, server, system }: Life): Promise<void> {
  const { clock, trace, witness } = world;
  if (server === undefined) return;
  trace.add(clock.now(), process.id, "wants to leave");
  const limit = new Promise<"late">((resolve) => void clock.after(drainLimitMs, () => resolve("late")));
  const outcome = await Promise.race([server.drain().then(() => "released" as const), limit]);
  if (process.isDead || world.isOver) return;
  trace.add(clock.now(), process.id, outcome === "released" ? "may go" : "goes although nobody released it");
  if (outcome === "released") cluster.released.add(process);
  if (outcome === "released" && !witness.isReleased) {
    for (const { shard, primary, replicas } of witness.seats.values()) {
      if (![primary, ...replicas].some(({ node }) => node === process.node)) continue;
      witness.violation(`${process.id} may go, and shard ${shard} is still with it`);
    }
  }
  await server.close();
  process.die(false, clock.now());
  world.network.crash(process.id);
  await system.stop();
}

/** A worker that is told to terminate: ends what it has begun, hands over what its slots keep, and says goodbye. */
export async function leaveWhenDone(world: World, process: SimulatedProcess, worker: WorkerHandle): Promise<void> {
  const limit = new Promise<void>((resolve) => void world.clock.after(drainLimitMs, resolve));
  await Promise.race([worker.drain(), limit]);
  if (!process.isDead) await worker.close();
}
