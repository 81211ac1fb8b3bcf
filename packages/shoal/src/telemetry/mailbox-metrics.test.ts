import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  runSimulation,
} from "@shoal/actors";
import { metricDefinitions } from "@shoal/protocol";
import { expect, it } from "vitest";
import { recordMetrics } from "../../../../test/support/recorded-metrics.ts";
import { observeMailboxes } from "./mailbox-metrics.ts";

it("mailboxes tell by node how many messages wait and for how long", async () => {
  const recorded = recordMetrics();
  const clock = createSimulatedClock();
  const bus = createInProcessBus();
  const [busy, idle] = ["busy", "idle"].map((node) => createActorSystem({ node, bus, clock, random: createRandom(1) }));
  const ends = [busy, idle].map((system) => observeMailboxes(system!));
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const actor = busy!.spawn("slow", () => () => released);
  for (let message = 0; message < 3; message += 1) actor.tell({ type: "work" });
  await runSimulation(clock, { forMs: 2000 });
  expect(await recorded.values(metricDefinitions.mailboxDepth)).toEqual({ busy: 2, idle: 0 });
  expect(await recorded.values(metricDefinitions.mailboxAge)).toEqual({ busy: 2, idle: 0 });
  release();
  await runSimulation(clock, { forMs: 0 });
  expect(await recorded.values(metricDefinitions.mailboxDepth)).toEqual({ busy: 0, idle: 0 });
  for (const end of ends) end();
  await recorded.close();
});
