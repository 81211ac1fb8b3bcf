import {
  createActorSystem,
  createInProcessBus,
  createMemoryStore,
  createRandom,
  createSimulatedClock,
  runSimulation,
  type Ref,
} from "@shoal/actors";
import { coordinatorNode, metricDefinitions, type JoinReply, type WorkerCommand } from "@shoal/protocol";
import { expect, it } from "vitest";
import { recordMetrics } from "../../../../test/support/recorded-metrics.ts";
import { startCoordinator } from "../coordinator.ts";

it("the coordinator counts living members by role and says how each lease ended", async () => {
  const recorded = recordMetrics();
  const clock = createSimulatedClock();
  const system = createActorSystem({
    node: coordinatorNode,
    bus: createInProcessBus(),
    clock,
    random: createRandom(1),
  });
  const pass = (forMs: number) => runSimulation(clock, { forMs });
  const members = () => recorded.values(metricDefinitions.members);
  const coordinator = startCoordinator({ system, store: createMemoryStore(), cluster: "test" });
  expect(await members()).toEqual({}); // it has not read its state yet
  await pass(0);

  const replyTo: Ref<JoinReply> = system.ref("client/nobody");
  const control: Ref<WorkerCommand> = system.ref("client/nobody");
  const joinAsWorker = (node: string) => coordinator.ref.tell({ type: "join_as_worker", node, control, replyTo });
  joinAsWorker("worker-1");
  joinAsWorker("worker-2");
  coordinator.ref.tell({
    type: "join_as_server",
    node: "server-1",
    endpoint: "127.0.0.1:1",
    control: system.ref("client/nobody"),
    replyTo,
  });
  await pass(0);
  expect(await members()).toEqual({ worker: 2, server: 1 });
  coordinator.ref.tell({ type: "leave", member: 1, incarnation: 1 });
  await pass(1000);
  expect(await members()).toEqual({ worker: 1, server: 1 });
  joinAsWorker("worker-2");
  await pass(1900);
  // Only the second life of worker-2 has a lease left.
  expect(await members()).toEqual({ worker: 1, server: 0 });
  expect(await recorded.values(metricDefinitions.leaseEnds)).toEqual({
    "left worker": 1,
    "rejoined worker": 1,
    "expired server": 1,
  });

  void coordinator.close();
  await pass(2000);
  await recorded.close();
});
