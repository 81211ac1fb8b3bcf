import { describe, expect, it } from "vitest";
import { createActorSystem } from "../actor-system.ts";
import { createRandom } from "../random.ts";
import type { Ref } from "../ref.ts";
import type { ActorSystem } from "../system.ts";
import type { NetworkSettings } from "./link-decision.ts";
import { runSimulation, simulate } from "./run-simulation.ts";
import { createSimulatedClock, type SimulatedClock } from "./simulated-clock.ts";
import { createSimulatedNetwork, type SimulatedNetwork } from "./simulated-network.ts";

interface Ping {
  readonly type: "ping";
  readonly count: number;
  readonly replyTo?: Ref<Ping>;
}
const accepts = (body: unknown): Ping => body as Ping;

class World {
  readonly clock: SimulatedClock = createSimulatedClock();
  readonly network: SimulatedNetwork;
  readonly received: string[] = [];
  readonly #random;

  constructor(seed: number, settings: Partial<NetworkSettings> = {}) {
    this.#random = createRandom(seed);
    this.network = createSimulatedNetwork({ clock: this.clock, random: this.#random, settings });
  }

  join(node: string): ActorSystem {
    const random = this.#random.fork(node);
    const system = createActorSystem({ node, bus: this.network, clock: this.clock, random });
    system.spawn<Ping>(
      "echo",
      () => (ping) => {
        this.received.push(`${node} ${String(ping.count)}`);
        ping.replyTo?.tell({ type: "ping", count: ping.count });
      },
      { accepts },
    );
    return system;
  }
}

const faulty = { dropRate: 0.2, duplicateRate: 0.1, reorderRate: 0.3, maximumDelayMs: 50 };

async function chatter(seed: number): Promise<unknown> {
  const world = new World(seed, faulty);
  const [left, right] = [world.join("left"), world.join("right")];
  for (let count = 0; count < 60; count++) {
    left.ref<Ping>("right/echo").tell({ type: "ping", count, replyTo: left.ref("left/echo") });
    right.ref<Ping>("left/echo").tell({ type: "ping", count: 100 + count });
    await runSimulation(world.clock, { forMs: 3 });
  }
  await runSimulation(world.clock);
  return { log: world.network.log, received: world.received };
}

describe("simulated network", () => {
  it("repeats a run exactly from the same seed, and differs with another", async () => {
    const [first, again, other] = [await chatter(11), await chatter(11), await chatter(12)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it("loses, doubles and reorders as often as it is told to", async () => {
    const world = new World(5, faulty);
    const [left] = [world.join("left"), world.join("right")];
    const target = left.ref<Ping>("right/echo");
    const total = 5000;
    for (let count = 0; count < total; count++) {
      target.tell({ type: "ping", count });
      await runSimulation(world.clock, { forMs: 1 });
    }
    await runSimulation(world.clock);
    const count = (outcome: string): number => world.network.log.filter((event) => event.outcome === outcome).length;
    // Five standard deviations of a binomial count on both sides.
    const near = (rate: number, trials: number): [number, number] => {
      const margin = 5 * Math.sqrt(trials * rate * (1 - rate));
      return [trials * rate - margin, trials * rate + margin];
    };
    const [fewestLost, mostLost] = near(0.2, total);
    expect(count("lost")).toBeGreaterThan(fewestLost);
    expect(count("lost")).toBeLessThan(mostLost);
    const [fewestTwice, mostTwice] = near(0.1, count("sent"));
    expect(count("delivered") - count("sent")).toBeGreaterThan(fewestTwice);
    expect(count("delivered") - count("sent")).toBeLessThan(mostTwice);
    const numbers = world.received.map((entry) => Number(entry.split(" ")[1]));
    expect(numbers.some((number, index) => number < (numbers[index - 1] ?? 0))).toBe(true);
  });

  it("keeps the order of each pair of nodes unless told to reorder", async () => {
    const world = new World(6, { maximumDelayMs: 500, dropRate: 0.3, duplicateRate: 0.3 });
    const [left] = [world.join("left"), world.join("right")];
    for (let count = 0; count < 300; count++) left.ref<Ping>("right/echo").tell({ type: "ping", count });
    await runSimulation(world.clock);
    const numbers = world.received.map((entry) => Number(entry.split(" ")[1]));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  });

  it("cuts both directions of a partition until it heals", async () => {
    const world = new World(7);
    const [left, right, third] = [world.join("left"), world.join("right"), world.join("third")];
    const ask = (from: ActorSystem, to: string): Promise<Ping> =>
      simulate(
        world.clock,
        from.ask<Ping, Ping>(from.ref(to), (replyTo) => ({ type: "ping", count: 1, replyTo }), {
          deadlineMs: 100,
          reason: "to test",
        }),
      );
    world.network.partition(["left"], ["right"]);
    await expect(ask(left, "right/echo")).rejects.toMatchObject({ code: "deadline_exceeded" });
    await expect(ask(right, "left/echo")).rejects.toMatchObject({ code: "deadline_exceeded" });
    await expect(ask(third, "left/echo")).resolves.toMatchObject({ count: 1 });
    world.network.heal();
    await expect(ask(left, "right/echo")).resolves.toMatchObject({ count: 1 });
  });

  it("gives a node that crashes and returns nothing of what was on its way", async () => {
    const world = new World(8, { minimumDelayMs: 10, maximumDelayMs: 10 });
    const [left, right] = [world.join("left"), world.join("right")];
    const target = left.ref<Ping>("right/echo");
    target.tell({ type: "ping", count: 1 });
    world.network.crash("right");
    right.ref<Ping>("left/echo").tell({ type: "ping", count: 2 });
    await simulate(world.clock, right.stop());
    const asked = left.ask<Ping, Ping>(target, (replyTo) => ({ type: "ping", count: 3, replyTo }), {
      deadlineMs: 100,
      reason: "to test",
    });
    await expect(simulate(world.clock, asked)).rejects.toMatchObject({ code: "actor_not_found" });
    world.join("right");
    target.tell({ type: "ping", count: 4 });
    await runSimulation(world.clock);
    expect(world.received).toEqual(["right 4"]);
  });

  it("says so when work can never end", async () => {
    const world = new World(9);
    await expect(simulate(world.clock, new Promise(() => undefined))).rejects.toMatchObject({
      code: "deadline_exceeded",
    });
  });

  it("keeps a bounded log", async () => {
    const clock = createSimulatedClock();
    const network = createSimulatedNetwork({ clock, random: createRandom(1), logCapacity: 3 });
    const system = createActorSystem({ node: "left", bus: network, clock, random: createRandom(1) });
    for (let count = 0; count < 9; count++) system.ref<Ping>("right/echo").tell({ type: "ping", count });
    expect(network.log).toHaveLength(3);
  });
});
