/** What scenarios of several kinds are made of. */
import type { Random } from "@shoal/actors";
import { checkJob } from "@shoal/coordinator";
import { coordinatorNode, type Consistency, type JobInput, type JobSpec } from "@shoal/protocol";
import { badBus, badData, badStore, calmBus, calmData, calmStore, scenarioShape } from "./conditions.ts";
import type { Scenario } from "./scenario.ts";

/** A job of one small layer in two shards. @param given what differs */
export function outlineJob(given: Partial<JobInput>): JobSpec {
  return checkJob({
    name: "simulated",
    model: {
      inputs: scenarioShape.features,
      layers: [{ type: "dense", outputs: scenarioShape.classes }],
      loss: { type: "softmax_cross_entropy" },
    },
    data: { type: "csv", file: "drawn.csv", labelColumn: "label" },
    optimizer: { name: "sgd", learningRate: 0.05, momentum: 0.5 },
    batchSize: 2,
    shards: 2,
    stop: { patience: null },
    guard: { action: "off" },
    ...given,
  });
}

/** Synchronous as often as not. */
export function drawConsistency(random: Random): Consistency {
  const drawn = random.integer(4);
  if (drawn <= 1) return { mode: "synchronous" };
  return drawn === 2 ? { mode: "bounded", staleness: 1 + random.integer(3) } : { mode: "asynchronous" };
}

/** Networks and a store of which each is bad in a quarter of the runs. */
export function drawTrouble(random: Random): Pick<Scenario, "bus" | "data" | "store"> {
  const isBad = (): boolean => random.uniform() < 0.25;
  return {
    bus: isBad() ? badBus : calmBus,
    data: isBad() ? badData : calmData,
    store: isBad() ? badStore : calmStore,
  };
}

/** As many workers as a job may wait for are left in the end, and somebody who leads. */
export function lateJoiners(workers: number): Scenario["mishaps"] {
  const nodes = [`worker-${workers + 1}`, `worker-${workers + 2}`, coordinatorNode];
  return nodes.map((node) => ({ when: { atMs: 4_000 }, mishap: { kind: "join", node } }));
}
