import { beforeEach, describe, expect, it } from "vitest";
import { createActorSystem } from "./actor-system.ts";
import { maximumTimers } from "./actor-timers.ts";
import type { ActorContext, BehaviorFactory } from "./behavior.ts";
import { createInProcessBus } from "./bus/in-process-bus.ts";
import { nextTurn } from "./host/next-turn.ts";
import { createRandom } from "./random.ts";
import type { Message, Ref } from "./ref.ts";
import { runSimulation, simulate } from "./simulation/run-simulation.ts";
import { createSimulatedClock, type SimulatedClock } from "./simulation/simulated-clock.ts";
import type { ActorFailure, ActorSystem } from "./system.ts";

type Command =
  | { readonly type: "note"; readonly text: string }
  | { readonly type: "fail" }
  | { readonly type: "stop" }
  | { readonly type: "hang" }
  | { readonly type: "ask"; readonly replyTo: Ref<string> };

describe("actor system", () => {
  let clock: SimulatedClock;
  let system: ActorSystem;
  let failures: ActorFailure[];
  let notes: string[];

  beforeEach(() => {
    clock = createSimulatedClock(1000);
    failures = [];
    notes = [];
    const onFailure = (failure: ActorFailure): void => {
      failures.push(failure);
    };
    system = createActorSystem({ node: "node", bus: createInProcessBus(), clock, random: createRandom(1), onFailure });
  });

  const recorder =
    (onStart?: (context: ActorContext<Command>) => void): BehaviorFactory<Command> =>
    (context) => {
      notes.push(`start ${context.self.address}`);
      onStart?.(context);
      return (command) => {
        switch (command.type) {
          case "note":
            notes.push(command.text);
            return;
          case "fail":
            throw new Error("asked to fail");
          case "stop":
            context.stop();
            return;
          case "hang":
            return new Promise(() => undefined);
          case "ask":
            command.replyTo.tell("answer");
            return;
        }
      };
    };
  const note = (text: string): Command => ({ type: "note", text });
  const ask = (target: Ref<Command>): Promise<string> =>
    system.ask<Command, string>(target, (replyTo) => ({ type: "ask", replyTo }), {
      deadlineMs: 500,
      reason: "to test",
    });

  it("handles what a factory tells its own actor, after the factory", async () => {
    system.spawn(
      "a",
      recorder((context) => {
        context.self.tell(note("first"));
        notes.push("made");
      }),
    );
    await nextTurn();
    expect(notes).toEqual(["start node/a", "made", "first"]);
  });

  it("restarts after the back-off and keeps the messages that wait", async () => {
    const actor = system.spawn("a", recorder());
    actor.tell({ type: "fail" });
    actor.tell(note("kept"));
    await runSimulation(clock, { forMs: 49 });
    expect(notes).toEqual(["start node/a"]);
    await runSimulation(clock, { forMs: 51 });
    expect(notes).toEqual(["start node/a", "start node/a", "kept"]);
    expect(failures).toMatchObject([{ address: "node/a", messageType: "fail", decision: { kind: "restart" } }]);
  });

  it("stops an actor that keeps failing, and says why", async () => {
    const actor = system.spawn("a", recorder());
    for (let failure = 0; failure < 4; failure++) actor.tell({ type: "fail" });
    await runSimulation(clock);
    expect(failures.map((failure) => failure.decision.kind)).toEqual(["restart", "restart", "restart", "stop"]);
    expect(failures.at(-1)?.decision.reason).toContain("3 restarts within 60000 ms did not help");
    expect(system.mailboxes()).toEqual([]);
    await expect(ask(actor)).rejects.toMatchObject({ code: "actor_not_found", details: { actor: "node/a" } });
  });

  it("counts a factory that fails at a restart as one more failure", async () => {
    let made = 0;
    const actor = system.spawn<Command>("a", (context) => {
      if (++made === 2) throw new Error("cannot start");
      return recorder()(context);
    });
    actor.tell({ type: "fail" });
    await runSimulation(clock);
    expect(failures.map((failure) => failure.messageType)).toEqual(["fail", undefined]);
    expect(made).toBe(3);
    await expect(simulate(clock, ask(actor))).resolves.toBe("answer");
  });

  it("throws from spawn what the factory throws, and leaves the name free", () => {
    const failing = (): never => {
      throw new TypeError("no data");
    };
    expect(() => system.spawn("a", failing)).toThrow("no data");
    system.spawn("a", recorder());
    expect(() => system.spawn("a", recorder())).toThrow("[invalid_argument] node already has an actor a");
    expect(() => system.spawn("reply-1", recorder())).toThrow("reserved");
  });

  it("stops children before their parent, and calls onStop once", async () => {
    const onStop = (text: string) => () => void notes.push(text);
    const spawnChild = (context: ActorContext<Command>): void => {
      context.spawn("child", recorder(), { onStop: onStop("child stopped") });
    };
    const parent = system.spawn("parent", recorder(spawnChild), { onStop: onStop("parent stopped") });
    parent.tell({ type: "stop" });
    parent.tell(note("never handled"));
    await runSimulation(clock);
    expect(notes).toEqual(["start node/parent", "start node/child", "child stopped", "parent stopped"]);
    await system.stop();
    expect(notes).toHaveLength(4);
  });

  it("makes a failure that a child escalates one of its parent, which restarts with a new child", async () => {
    const supervision = { strategy: "escalate" } as const;
    const children: Ref<Command>[] = [];
    system.spawn(
      "parent",
      recorder((context) => {
        children.push(context.spawn("child", recorder(), { supervision }));
      }),
    );
    children[0]?.tell({ type: "fail" });
    await runSimulation(clock);
    expect(failures.map(({ address, decision }) => `${address} ${decision.kind}`)).toEqual([
      "node/child escalate",
      "node/parent restart",
    ]);
    expect(notes).toEqual(["start node/parent", "start node/child", "start node/parent", "start node/child"]);
    expect(system.mailboxes().map((report) => report.address)).toEqual(["node/parent", "node/child"]);
  });

  it("delivers timers to the life that set them only", async () => {
    const actor = system.spawn(
      "a",
      recorder((context) => {
        context.after(30, note(`timer of ${String(clock.now())}`));
        context.after(40, note("cancelled")).cancel();
      }),
    );
    await runSimulation(clock, { forMs: 10 });
    actor.tell({ type: "fail" });
    await runSimulation(clock);
    const restartedAt = failures[0]?.decision.kind === "restart" ? 1010 + failures[0].decision.delayMs : 0;
    expect(notes).toEqual(["start node/a", "start node/a", `timer of ${String(restartedAt)}`]);
  });

  it("offers a timer's message again until the mailbox has room", async () => {
    const gate = Promise.withResolvers<void>();
    const create: BehaviorFactory<Command> = (context) => {
      context.after(5, note("timer"));
      return (command) =>
        command.type === "hang" ? gate.promise : void notes.push(command.type === "note" ? command.text : "");
    };
    const actor = system.spawn("a", create, { capacity: 1 });
    actor.tell({ type: "hang" });
    await nextTurn();
    actor.tell(note("waits"));
    await runSimulation(clock, { forMs: 100 });
    expect(notes).toEqual([]);
    gate.resolve();
    await runSimulation(clock, { forMs: 100 });
    expect(notes).toEqual(["waits", "timer"]);
  });

  it("bounds the timers of one actor", () => {
    const spawn = (): unknown =>
      system.spawn(
        "a",
        recorder((context) => {
          for (let timer = 0; timer <= maximumTimers; timer++) context.after(1, note(""));
        }),
      );
    expect(spawn).toThrow("[mailbox_full] node/a already has 1024 timers pending");
    expect(clock.pending).toBe(0);
  });

  it("does not handle a request whose asker has given up", async () => {
    const actor = system.spawn("a", recorder());
    actor.tell({ type: "fail" });
    const asked = system.ask<Command, string>(actor, (replyTo) => ({ type: "ask", replyTo }), {
      deadlineMs: 20,
      reason: "to test",
    });
    await expect(simulate(clock, asked)).rejects.toMatchObject({ code: "deadline_exceeded" });
    await runSimulation(clock);
    expect(system.mailboxes()[0]).toMatchObject({ received: 2, handled: 0, failed: 1, expired: 1, depth: 0 });
  });

  it("reports how long the oldest message has waited", async () => {
    const actor = system.spawn("a", recorder());
    actor.tell({ type: "hang" });
    await nextTurn();
    actor.tell(note("old"));
    clock.advance(70);
    actor.tell(note("young"));
    expect(system.mailboxes()[0]).toMatchObject({ depth: 2, oldestMs: 70 });
  });

  it("leaves no timer behind when it stops during a back-off", async () => {
    const actor = system.spawn("a", recorder());
    actor.tell({ type: "fail" });
    await nextTurn();
    await simulate(clock, system.stop());
    expect([clock.pending, notes]).toEqual([0, ["start node/a"]]);
  });

  it("supervises all the same when the observer of failures throws", async () => {
    const onFailure = (): never => {
      throw new Error("observer");
    };
    const bus = createInProcessBus();
    const other = createActorSystem({ node: "other", bus, clock, random: createRandom(2), onFailure });
    const actor = other.spawn("a", recorder());
    actor.tell({ type: "fail" });
    actor.tell(note("kept"));
    await runSimulation(clock);
    expect(notes).toEqual(["start other/a", "start other/a", "kept"]);
  });

  it("stops although a handler never ends, after two seconds", async () => {
    const actor = system.spawn("a", recorder());
    actor.tell({ type: "hang" });
    await nextTurn();
    const before = clock.now();
    await simulate(clock, system.stop());
    expect(clock.now() - before).toBe(2000);
    expect(() => system.spawn("b", recorder())).toThrow("[actor_stopped]");
  });

  it("reports a failing onStop and stops all the same", async () => {
    const onStop = (): never => {
      throw new Error("cannot say goodbye");
    };
    system.spawn("a", recorder(), { onStop });
    await simulate(clock, system.stop());
    expect(failures).toMatchObject([{ address: "node/a", messageType: undefined, decision: { kind: "stop" } }]);
  });

  it("ignores a second reply, and one that comes after the deadline", async () => {
    let kept: Ref<string> | undefined;
    const late = system.spawn<Command & Message>("late", () => (command) => {
      if (command.type === "ask") kept = command.replyTo;
    });
    const asked = ask(late);
    await nextTurn();
    kept?.tell("one");
    kept?.tell("two");
    await expect(asked).resolves.toBe("one");
    expect(system.counters().deadLetters).toBe(1);
  });

  it("refuses a deadline that is none", async () => {
    const actor = system.spawn("a", recorder());
    for (const deadlineMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const asked = system.ask<Command, string>(actor, (replyTo) => ({ type: "ask", replyTo }), {
        deadlineMs,
        reason: "",
      });
      await expect(asked).rejects.toThrow(RangeError);
    }
  });
});
