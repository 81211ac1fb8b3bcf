/** Lets what a scenario has in store befall a cluster. */
import { coordinatorNode } from "@shoal/protocol";
import type { Mishap, Moment } from "../scenario/scenario.ts";
import type { Cluster } from "./cluster.ts";
import type { World } from "./world.ts";

export function scheduleMishaps(world: World, cluster: Cluster): void {
  for (const { when, mishap } of world.scenario.mishaps) {
    schedule(world, when, () => {
      if (world.isOver) return;
      world.trace.add(world.clock.now(), "MISHAP", JSON.stringify(mishap));
      befall(world, cluster, mishap);
    });
  }
}

function schedule(world: World, when: Moment, act: () => void): void {
  if ("atMs" in when) world.clock.after(when.atMs, act);
  else world.atMessage(when.atMessage, act);
}

function befall(world: World, cluster: Cluster, mishap: Mishap): void {
  const { clock, reach } = world;
  switch (mishap.kind) {
    case "crash": {
      const life = cluster.living(mishap.node);
      if (life === undefined) return;
      cluster.kill(life, mishap.silent);
      if (mishap.backAfterMs !== null) clock.after(mishap.backAfterMs, () => start(world, cluster, mishap.node));
      return;
    }
    case "pause": {
      const process = cluster.living(mishap.node)?.process;
      process?.pause();
      clock.after(mishap.forMs, () => process?.resume());
      return;
    }
    case "partition": {
      const heal = reach.cut(mishap);
      clock.after(mishap.forMs, heal);
      return;
    }
    case "never filled":
      world.neverFilled.add(mishap.node);
      clock.after(mishap.forMs, () => world.neverFilled.delete(mishap.node));
      return;
    case "clock jump":
      cluster.living(mishap.node)?.process.jump(mishap.byMs);
      return;
    case "all die":
      dieAll(world, cluster, mishap);
      return;
    case "disk full":
      cluster.disk.isFull = true;
      clock.after(mishap.forMs, () => (cluster.disk.isFull = false));
      return;
    case "leave":
      void cluster.living(mishap.node)?.leave();
      return;
    case "join":
      start(world, cluster, mishap.node);
  }
}

function dieAll(world: World, cluster: Cluster, next: Extract<Mishap, { kind: "all die" }>): void {
  cluster.killAll(next.keepsStore);
  world.clock.after(next.backAfterMs, () => {
    start(world, cluster, coordinatorNode);
    for (let index = 1; index <= next.servers; index += 1) start(world, cluster, `server-${index}`);
    for (let index = 1; index <= next.workers; index += 1) start(world, cluster, `worker-${index}`);
  });
}

function start({ isOver }: World, cluster: Cluster, node: string): void {
  if (isOver) return;
  // One that joins late takes the place of those that have died.
  if (cluster.living(node) !== undefined) return;
  if (node === coordinatorNode) cluster.startCoordinator();
  else if (node.startsWith("server")) void cluster.startServer(node);
  else cluster.startWorker(node);
}
