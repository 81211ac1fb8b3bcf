import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  runSimulation,
  type Ref,
} from "@shoal/actors";
import { createKernelMemory, loadKernelModules } from "@shoal/kernels-wasm";
import {
  acceptorOf,
  coordinatorAddress,
  coordinatorNode,
  coordinatorSchema,
  type CoordinatorMessage,
  type WorkerCommand,
} from "@shoal/protocol";
import { expect, it } from "vitest";
import { startWorker } from "../start-worker.ts";

const modules = await loadKernelModules();
const memory = createKernelMemory();

/** A worker, and a coordinator that writes down what it hears and welcomes nobody by itself. */
function scene() {
  const clock = createSimulatedClock();
  const bus = createInProcessBus();
  const head = createActorSystem({ node: coordinatorNode, bus, clock, random: createRandom("head") });
  const heard: CoordinatorMessage[] = [];
  const main = head.spawn<CoordinatorMessage>("main", () => (message) => void heard.push(message), {
    accepts: acceptorOf(coordinatorSchema),
  });
  const system = createActorSystem({ node: "worker-1", bus, clock, random: createRandom("worker") });
  startWorker({
    system,
    memory,
    modules,
    coordinator: system.ref(coordinatorAddress),
    links: { connect: () => expect.fail("no run has begun") },
    loadDataset: () => expect.fail("no run has begun"),
    readModel: () => expect.fail("no run has begun"),
    writeModel: () => expect.fail("no run has begun"),
    computeKind: "inline",
  });
  const control: Ref<WorkerCommand> = head.ref("worker-1/control");
  const settle = async (): Promise<void> => void (await runSimulation(clock, { forMs: 100 }));
  const answers = (): readonly string[] =>
    heard.map(({ type }) => type).filter((type) => !["join_as_worker", "heartbeat"].includes(type));
  const welcome = async (incarnation: number): Promise<void> => {
    const join = heard.find((message) => message.type === "join_as_worker");
    join?.replyTo.tell({ type: "joined", member: 1, incarnation, leaseMs: 2000, heartbeatMs: 500 });
    await settle();
  };
  return { main, control, settle, answers, welcome };
}

const assignment = { revision: 2, slots: [0], initialize: false };

it("is silent to commands that were meant for a process of its name before it", async () => {
  const { main, control, settle, answers, welcome } = scene();
  await settle();
  for (const incarnation of [1, 2]) {
    control.tell({ type: "assign_work", run: "r", assignment, replyTo: main });
    control.tell({ type: "finish_run", run: "r", replyTo: main });
    await settle();
    expect(answers()).toEqual([]);
    await welcome(incarnation);
  }
});

it("says `cancelled` to commands for a run that was stopped in its life", async () => {
  const { main, control, settle, answers, welcome } = scene();
  await settle();
  await welcome(1);
  control.tell({ type: "stop_run", run: "r", reason: "enough", replyTo: main });
  control.tell({ type: "assign_work", run: "r", assignment, replyTo: main });
  control.tell({ type: "finish_run", run: "r", replyTo: main });
  await settle();
  expect(answers()).toEqual(["run_stopped", "start_refused", "finish_failed"]);
});
