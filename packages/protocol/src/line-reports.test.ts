import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  runSimulation,
} from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import { createLineReports } from "./line-reports.ts";
import type { CoordinatorMessage } from "./messages/coordinator.ts";

const lost = (silentMs?: number): ShoalError =>
  new ShoalError("transport_lost", "the connection broke", silentMs === undefined ? {} : { silentMs });

function scene() {
  const clock = createSimulatedClock();
  const system = createActorSystem({ node: "worker-1", bus: createInProcessBus(), clock, random: createRandom(1) });
  const heard: CoordinatorMessage[] = [];
  const coordinator = system.spawn<CoordinatorMessage>("main", () => (message) => void heard.push(message));
  const lines = createLineReports({ clock, coordinator, speaker: () => ({ member: 3, incarnation: 2 }) });
  const pass = (forMs: number): Promise<unknown> => runSimulation(clock, { forMs });
  return { lines, heard, pass };
}

describe("a connection that breaks", () => {
  it("is reported at once, then at most ten times a second with how long it has been so", async () => {
    const { lines, heard, pass } = scene();
    for (let time = 0; time < 1000; time += 20) {
      lines.broke("server-1", lost());
      await pass(20);
    }
    expect(heard.length).toBe(10);
    expect(heard[0]).toMatchObject({
      type: "report_broken_line",
      member: 3,
      incarnation: 2,
      node: "server-1",
      forMs: 0,
    });
    expect(heard.at(-1)).toMatchObject({ forMs: 900 });
  });

  it("counts anew after something came through, and after nobody has tried for a while", async () => {
    const { lines, heard, pass } = scene();
    lines.broke("server-1", lost());
    await pass(500);
    lines.works("server-1");
    lines.broke("server-1", lost());
    await pass(20_000);
    lines.broke("server-1", lost());
    await pass(1);
    expect(heard).toMatchObject([{ forMs: 0 }, { forMs: 0 }, { forMs: 0 }]);
  });

  it("is not dead because streams end in order while nobody calls", async () => {
    const { lines, heard, pass } = scene();
    for (let times = 0; times < 6; times += 1) {
      lines.broke("server-1");
      await pass(2000);
    }
    lines.broke("server-1", lost());
    await pass(1000);
    lines.broke("server-1", lost());
    await pass(4000);
    lines.broke("server-1");
    await pass(1);
    const forMs = heard.map((message) => message.type === "report_broken_line" && message.forMs);
    expect(forMs).toEqual([0, 0, 0, 0, 0, 0, 0, 1000, 1000]);
  });

  it("counts the silence before it was found out", async () => {
    const { lines, heard, pass } = scene();
    lines.broke("server-1", lost(5000));
    await pass(1);
    expect(heard).toMatchObject([{ forMs: 5000 }]);
  });

  it("is told from a call that failed for another reason", async () => {
    const { lines, heard, pass } = scene();
    lines.broke("server-1", new ShoalError("deadline_exceeded", "it is slow"));
    await pass(1);
    expect(heard).toEqual([]);
  });
});
