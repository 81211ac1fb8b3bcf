import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  runSimulation,
  type ActorSystem,
  type Bus,
  type Ref,
  type SimulatedClock,
} from "@shoal/actors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideMembership, joinBackoffMs, startMembership, type Joined, type Membership } from "./membership-client.ts";
import { coordinatorSchema, type CoordinatorMessage } from "./messages/coordinator.ts";
import type { JoinReply } from "./messages/membership.ts";
import type { ServerCommand } from "./messages/server-control.ts";
import { acceptorOf } from "./messages/schema.ts";

const leaseMs = 2000;
const heartbeatMs = 500;

interface Heard {
  readonly atMs: number;
  readonly type: CoordinatorMessage["type"];
}

/** A coordinator's side of membership: remembers what it hears, and answers when it is told to. */
interface Coordinator {
  readonly heard: Heard[];
  answers: boolean;
  knows: boolean;
}

interface Scene {
  readonly clock: SimulatedClock;
  readonly coordinator: Coordinator;
  readonly membership: Membership;
  readonly node: ActorSystem;
  readonly joins: Joined[];
  run(forMs: number): Promise<unknown>;
  times(type: CoordinatorMessage["type"]): number[];
}

function spawnCoordinator(bus: Bus, clock: SimulatedClock, coordinator: Coordinator): void {
  const system = createActorSystem({ node: "coordinator", bus, clock, random: createRandom(1) });
  let incarnation = 0;
  const behavior = () => (message: CoordinatorMessage) => {
    coordinator.heard.push({ atMs: clock.now(), type: message.type });
    if (!coordinator.answers) return;
    if (message.type === "join_as_server" || message.type === "join_as_worker") {
      incarnation += 1;
      coordinator.knows = true;
      message.replyTo.tell({ type: "joined", member: 7, incarnation, leaseMs, heartbeatMs });
    } else if (message.type === "heartbeat") {
      const { member } = message;
      if (coordinator.knows) message.replyTo.tell({ type: "heartbeat_acknowledged", member });
      else message.replyTo.tell({ type: "rejoin", member, incarnation: message.incarnation });
    }
  };
  system.spawn("main", behavior, { accepts: acceptorOf(coordinatorSchema) });
}

function createScene(answers: boolean): Scene {
  const clock = createSimulatedClock();
  const bus = createInProcessBus({ strict: true });
  const coordinator: Coordinator = { heard: [], answers, knows: false };
  spawnCoordinator(bus, clock, coordinator);
  const node = createActorSystem({ node: "server-1", bus, clock, random: createRandom(2) });
  const control: Ref<ServerCommand> = node.spawn("control", () => () => undefined);
  const joins: Joined[] = [];
  const membership = startMembership(node, {
    coordinator: node.ref<CoordinatorMessage>("coordinator/main"),
    introduce: (replyTo: Ref<JoinReply>) => ({
      type: "join_as_server",
      node: "server-1",
      endpoint: "server-1",
      control,
      replyTo,
    }),
    onJoined: (joined) => joins.push(joined),
  });
  return {
    clock,
    coordinator,
    membership,
    node,
    joins,
    run: (forMs) => runSimulation(clock, { forMs }),
    times: (type) => coordinator.heard.filter((heard) => heard.type === type).map(({ atMs }) => atMs),
  };
}

describe("membership of a node", () => {
  test("joins at once and sends a heartbeat in every interval", async () => {
    const scene = createScene(true);
    await scene.run(1600);
    expect(scene.joins).toEqual([{ member: 7, incarnation: 1, leaseMs }]);
    expect(scene.membership.current()).toEqual({ member: 7, incarnation: 1, leaseMs });
    expect(scene.times("join_as_server")).toEqual([0]);
    expect(scene.times("heartbeat")).toEqual([0, 500, 1000, 1500]);
  });

  test("repeats its join with growing delays while nobody answers", async () => {
    const scene = createScene(false);
    await scene.run(60_000);
    const times = scene.times("join_as_server");
    const delays = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
    expect(delays.length).toBeGreaterThan(8);
    for (const [index, delay] of delays.entries()) {
      const base = Math.min(5000, 250 * 2 ** index);
      expect(delay).toBeGreaterThanOrEqual(base / 2);
      expect(delay).toBeLessThan(base * 1.5);
    }
    scene.coordinator.answers = true;
    await scene.run(10_000);
    expect(scene.joins).toHaveLength(1);
  });

  test("joins again when the coordinator says that it does not know it", async () => {
    const scene = createScene(true);
    await scene.run(600);
    scene.coordinator.knows = false;
    await scene.run(500);
    expect(scene.joins.map(({ incarnation }) => incarnation)).toEqual([1, 2]);
    await scene.run(600);
    expect(scene.times("join_as_server")).toHaveLength(2);
  });

  test("stays a member and goes on with its heartbeats while the coordinator is silent", async () => {
    const scene = createScene(true);
    await scene.run(600);
    scene.coordinator.answers = false;
    await scene.run(10_000);
    expect(scene.membership.current()).toBeDefined();
    expect(scene.times("heartbeat").length).toBeGreaterThan(18);
    expect(scene.times("join_as_server")).toHaveLength(1);
  });

  test("says goodbye once when it is told to leave, or when its node stops", async () => {
    const leaving = createScene(true);
    await leaving.run(100);
    leaving.membership.leave();
    leaving.membership.leave();
    await leaving.run(3000);
    expect(leaving.times("leave")).toEqual([100]);
    expect(leaving.times("heartbeat")).toEqual([0]);
    expect(leaving.membership.current()).toBeUndefined();

    const stopping = createScene(true);
    await stopping.run(100);
    const stopped = stopping.node.stop();
    await stopping.run(3000);
    await stopped;
    expect(stopping.times("leave")).toEqual([100]);
  });
});

describe("decisions of membership", () => {
  const current = { member: 7, incarnation: 2, leaseMs };
  const welcome = { type: "joined", member: 7, incarnation: 2, leaseMs, heartbeatMs } as const;

  test("of several welcomes the newest counts", () => {
    expect(decideMembership(undefined, welcome).kind).toBe("adopt");
    expect(decideMembership(current, welcome).kind).toBe("ignore");
    expect(decideMembership(current, { ...welcome, incarnation: 3 }).kind).toBe("adopt");
    expect(decideMembership(current, { ...welcome, incarnation: 1 }).kind).toBe("ignore");
  });

  test("only its own number and incarnation make a node join again", () => {
    const rejoin = { type: "rejoin", member: 7, incarnation: 2 } as const;
    expect(decideMembership(current, rejoin).kind).toBe("rejoin");
    expect(decideMembership(current, { ...rejoin, member: 8 }).kind).toBe("ignore");
    expect(decideMembership(current, { ...rejoin, incarnation: 1 }).kind).toBe("ignore");
    expect(decideMembership(undefined, rejoin).kind).toBe("ignore");
  });

  test("delays between joins stay within half and one and a half of their doubling base", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, uniform) => {
          const delay = joinBackoffMs(attempt, 250, 5000, uniform);
          const base = Math.min(5000, 250 * 2 ** Math.min(attempt - 1, 30));
          expect(delay).toBeGreaterThanOrEqual(base / 2);
          expect(delay).toBeLessThanOrEqual(base * 1.5);
        },
      ),
    );
  });
});
