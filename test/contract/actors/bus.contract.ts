/** What every bus must do. Each test runs against every implementation. */
import {
  createActorSystem,
  createSystemRandom,
  maximumEnvelopeBytes,
  systemClock,
  type ActorFailure,
  type ActorSystem,
  type Bus,
  type Ref,
} from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { acceptCounterCommand, counter, createGate, type CounterCommand, type CounterReply } from "./counter-actor.ts";

export interface BusFixture extends AsyncDisposable {
  /** Whether envelopes become bytes on the way. */
  readonly encodes: boolean;
  /** The bus as one more process would have it. */
  join(): Promise<Bus>;
  /** Puts bytes on the way to an actor, as a stranger with access to the network could. */
  readonly inject?: (node: string, name: string, bytes: Uint8Array) => Promise<void>;
}

const terms = { deadlineMs: 3000, reason: "to test" };

export function describeBus(name: string, openFixture: () => Promise<BusFixture>): void {
  describe(`bus contract: ${name}`, () => {
    let fixture: BusFixture;
    let systems: ActorSystem[];
    let failures: ActorFailure[];

    beforeEach(async () => {
      fixture = await openFixture();
      systems = [];
      failures = [];
    });
    afterEach(async () => {
      await Promise.all(systems.map((system) => system.stop()));
      await fixture[Symbol.asyncDispose]();
    });

    const join = async (node: string): Promise<ActorSystem> => {
      const bus = await fixture.join();
      const onFailure = (failure: ActorFailure): void => {
        failures.push(failure);
      };
      const system = createActorSystem({ node, bus, clock: systemClock, random: createSystemRandom(), onFailure });
      systems.push(system);
      await system.ready();
      return system;
    };
    const spawn = (system: ActorSystem, actor = "counter"): Ref<CounterCommand> =>
      system.spawn(actor, counter(), { accepts: acceptCounterCommand });
    const read = (from: ActorSystem, target: Ref<CounterCommand>): Promise<CounterReply> =>
      from.ask<CounterCommand, CounterReply>(target, (replyTo) => ({ type: "read", replyTo }), terms);
    const counterOf = (from: ActorSystem, address: string): Ref<CounterCommand> => from.ref(address);

    it("carries a message to another node and its reply back", async () => {
      const [left, right] = [await join("left"), await join("right")];
      spawn(right);
      const target = counterOf(left, "right/counter");
      target.tell({ type: "add", amount: 4 });
      expect(await read(left, target)).toEqual({ type: "count", total: 4, seen: [4] });
    });

    it("keeps the order of one sender's messages", async () => {
      const [left, right] = [await join("left"), await join("right")];
      spawn(right);
      const target = counterOf(left, "right/counter");
      const amounts = Array.from({ length: 500 }, (_, index) => index);
      for (const amount of amounts) target.tell({ type: "add", amount });
      expect((await read(left, target)).seen).toEqual(amounts);
    });

    it("rebuilds a reference inside a message, also on a third node", async () => {
      const [left, middle, right] = [await join("left"), await join("middle"), await join("right")];
      spawn(middle);
      const goal = spawn(right);
      counterOf(left, "middle/counter").tell({
        type: "forward",
        to: { target: counterOf(left, "right/counter") },
        amount: 7,
      });
      await eventually("the forwarded amount arrives", () => right.mailboxes()[0]?.handled === 1);
      expect((await read(right, goal)).total).toBe(7);
    });

    it("carries plain data unchanged", async () => {
      const [left, right] = [await join("left"), await join("right")];
      spawn(right);
      const body = {
        text: "ø 漢 🐟",
        list: [1, -2.5, 2 ** 40, true, null, 123n],
        deep: { bytes: new Uint8Array([0, 255]) },
      };
      const echoed = await left.ask<CounterCommand, unknown>(
        counterOf(left, "right/counter"),
        (replyTo) => ({ type: "echo", body, replyTo }),
        terms,
      );
      expect(echoed).toEqual(body);
    });

    it("counts 100 requests of a scheduler on every node of the group of everybody", async () => {
      const scheduler = await join("scheduler");
      const names = ["server-0", "server-1", "worker-0", "worker-1"];
      const everybody = await Promise.all(
        names.map(async (node) => {
          const system = await join(node);
          spawn(system);
          return counterOf(scheduler, `${node}/counter`);
        }),
      );
      const group = scheduler.group([...everybody, spawn(scheduler)]);
      for (let request = 0; request < 100; request++) {
        const outcomes = await group.askAll<CounterReply>((replyTo) => ({ type: "read", replyTo }), terms);
        expect(outcomes.every((outcome) => outcome.kind === "replied")).toBe(true);
        expect(group.tell({ type: "add", amount: 1 })).toEqual([]);
      }
      const counts = await group.askAll<CounterReply>((replyTo) => ({ type: "read", replyTo }), terms);
      expect(counts.map((outcome) => outcome.kind === "replied" && outcome.reply.total)).toEqual([
        100, 100, 100, 100, 100,
      ]);
    });

    it("reports the outcome of each member of a group", async () => {
      const [left, right] = [await join("left"), await join("right")];
      spawn(right);
      const group = left.group([counterOf(left, "right/counter"), counterOf(left, "right/nobody")]);
      const outcomes = await group.askAll<CounterReply>((replyTo) => ({ type: "read", replyTo }), terms);
      expect(outcomes).toMatchObject([{ kind: "replied" }, { kind: "failed", error: { code: "actor_not_found" } }]);
    });

    it("handles control before the data that waits", async () => {
      const [left, right] = [await join("left"), await join("right")];
      const gate = createGate();
      const isControl = (command: CounterCommand): boolean => command.type === "urgent";
      const local = right.spawn("counter", counter(gate), { accepts: acceptCounterCommand, isControl });
      const target = counterOf(left, "right/counter");
      target.tell({ type: "block" });
      for (const amount of [1, 2, 3]) target.tell({ type: "add", amount });
      for (const amount of [10, 20]) target.tell({ type: "urgent", amount });
      await eventually("everything waits", () => right.mailboxes()[0]?.received === 6);
      gate.open();
      expect((await read(right, local)).seen).toEqual([10, 20, 1, 2, 3]);
    });

    it("pushes back when a mailbox is full, here and on another node", async () => {
      const [left, right] = [await join("left"), await join("right")];
      const gate = createGate();
      const local = right.spawn("counter", counter(gate), { accepts: acceptCounterCommand, capacity: 2 });
      local.tell({ type: "block" });
      await eventually("the actor is busy", () => right.mailboxes()[0]?.depth === 0);
      local.tell({ type: "add", amount: 1 });
      local.tell({ type: "add", amount: 2 });
      expect(() => {
        local.tell({ type: "add", amount: 3 });
      }).toThrow("[mailbox_full]");
      await expect(read(left, counterOf(left, "right/counter"))).rejects.toMatchObject({
        code: "mailbox_full",
        details: { actor: "right/counter", capacity: 2 },
      });
      expect(right.mailboxes()[0]).toMatchObject({ received: 3, rejected: 2, depth: 2 });
      gate.open();
      await eventually("there is room again", () => right.mailboxes()[0]?.depth === 0);
      expect((await read(right, local)).seen).toEqual([1, 2]);
    });

    it("names the culprit and the reason when a deadline passes", async () => {
      const [left, right] = [await join("left"), await join("right")];
      spawn(right);
      const asked = left.ask<CounterCommand, CounterReply>(
        counterOf(left, "right/counter"),
        (replyTo) => ({ type: "ignore", replyTo }),
        { deadlineMs: 60, reason: "to learn the count", owner: "left/tester" },
      );
      expect(left.waits()).toMatchObject([
        { owner: "left/tester", waitingFor: "right/counter", reason: "to learn the count" },
      ]);
      const error: unknown = await asked.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: "deadline_exceeded",
        message: "[deadline_exceeded] no reply from right/counter within 60 ms; left/tester waited to learn the count",
      });
      expect(left.waits()).toEqual([]);
    });

    it("says at once that an actor or a whole node is not there", async () => {
      const [left, right] = [await join("left"), await join("right")];
      right.spawn("hermit", counter());
      for (const address of ["right/nobody", "nowhere/nobody", "right/hermit"]) {
        await expect(read(left, counterOf(left, address))).rejects.toMatchObject({
          code: "actor_not_found",
          details: { actor: address },
        });
      }
    });

    it("drops a message to nobody without troubling its sender", async () => {
      const [left, right] = [await join("left"), await join("right")];
      const local = spawn(right);
      counterOf(left, "right/nobody").tell({ type: "add", amount: 1 });
      counterOf(left, "nowhere/nobody").tell({ type: "add", amount: 1 });
      await eventually("the dead letter is counted", () => right.counters().deadLetters === 1);
      expect((await read(right, local)).total).toBe(0);
    });

    it("refuses what the receiver's schema does not accept, and tells the asker only", async () => {
      const [left, right] = [await join("left"), await join("right")];
      spawn(right);
      const target = counterOf(left, "right/counter");
      const wrong = { type: "explode" } as unknown as CounterCommand;
      await expect(left.ask(target, () => wrong, terms)).rejects.toMatchObject({ code: "codec_failed" });
      target.tell(wrong);
      expect((await read(left, target)).total).toBe(0);
      expect(right.counters().refused).toBe(2);
      expect(failures).toEqual([]);
    });

    it("checks replies that come over the bus when the asker says how", async () => {
      const [left, right] = [await join("left"), await join("right")];
      spawn(right);
      const accepts = (): never => {
        throw new Error("expected a number");
      };
      const asked = left.ask<CounterCommand, CounterReply>(
        counterOf(left, "right/counter"),
        (replyTo) => ({ type: "read", replyTo }),
        { ...terms, accepts },
      );
      const refused = { code: "codec_failed", details: { waitingFor: "right/counter" } };
      // By reference the reply never crosses the bus: it is the very object that the types describe.
      if (fixture.encodes) await expect(asked).rejects.toMatchObject(refused);
      else expect((await asked).total).toBe(0);
    });

    it("answers an ask with the failure of its handler, and restarts the actor with fresh state", async () => {
      const [left, right] = [await join("left"), await join("right")];
      const supervision = { initialBackoffMs: 5 };
      right.spawn("counter", counter(), { accepts: acceptCounterCommand, supervision });
      const target = counterOf(left, "right/counter");
      target.tell({ type: "add", amount: 5 });
      const asked = left.ask<CounterCommand, CounterReply>(target, (replyTo) => ({ type: "fail", replyTo }), terms);
      await expect(asked).rejects.toMatchObject({ code: "internal", message: "[internal] asked to fail" });
      expect((await read(left, target)).total).toBe(0);
      expect(failures).toMatchObject([
        { address: "right/counter", messageType: "fail", decision: { kind: "restart" }, error: { code: "internal" } },
      ]);
    });

    it("answers the asks that wait in the mailbox of an actor that stops", async () => {
      const [left, right] = [await join("left"), await join("right")];
      const gate = createGate();
      right.spawn("counter", counter(gate), { accepts: acceptCounterCommand, supervision: { strategy: "stop" } });
      const target = counterOf(left, "right/counter");
      target.tell({ type: "block" });
      target.tell({ type: "fail" });
      const asked = read(left, target);
      const outcome = asked.catch((error: unknown) => error);
      await eventually("all three have arrived", () => right.mailboxes()[0]?.received === 3);
      gate.open();
      expect(isShoalError(await outcome, "actor_stopped")).toBe(true);
      await eventually("the name is free", () => right.mailboxes().length === 0);
      await expect(read(left, target)).rejects.toMatchObject({ code: "actor_not_found" });
    });

    it("lets a node leave and come back under its name", async () => {
      const [left, first] = [await join("left"), await join("right")];
      spawn(first).tell({ type: "add", amount: 1 });
      const target = counterOf(left, "right/counter");
      expect((await read(left, target)).total).toBe(1);
      await first.stop();
      await expect(read(left, target)).rejects.toMatchObject({ code: "actor_not_found" });
      spawn(await join("right"));
      expect((await read(left, target)).total).toBe(0);
    });

    it("rejects the asks of a node that stops", async () => {
      const [left, right] = [await join("left"), await join("right")];
      spawn(right);
      const asked = left.ask<CounterCommand, CounterReply>(
        counterOf(left, "right/counter"),
        (replyTo) => ({ type: "ignore", replyTo }),
        terms,
      );
      const outcome = asked.catch((error: unknown) => error);
      await left.stop();
      expect(await outcome).toMatchObject({ code: "cancelled", details: { waitingFor: "right/counter" } });
      await expect(read(left, counterOf(left, "right/counter"))).rejects.toMatchObject({ code: "cancelled" });
    });

    it("refuses a message that is too large or is no data, where messages become bytes", async () => {
      const [left, right] = [await join("left"), await join("right")];
      spawn(right);
      const target = counterOf(left, "right/counter");
      const replyTo = left.ref<unknown>("left/nobody");
      const send = (body: unknown) => () => {
        target.tell({ type: "echo", body, replyTo });
      };
      if (fixture.encodes) {
        expect(send(new Uint8Array(maximumEnvelopeBytes))).toThrow("[payload_too_large]");
        expect(send(() => 1)).toThrow("[codec_failed]");
      }
      send(new Uint8Array(maximumEnvelopeBytes - 256))();
      expect((await read(left, target)).total).toBe(0);
    });

    it("lets malformed bytes cost nobody anything", async () => {
      const [left, right] = [await join("left"), await join("right")];
      spawn(right);
      const target = counterOf(left, "right/counter");
      target.tell({ type: "add", amount: 1 });
      const malformed = [[], [0xc1], [0xdf, 255, 255, 255, 255], [0x81, 0xa1, 0x61], [0xd4, 0x72, 0x40], [0x80]];
      for (const bytes of malformed) await fixture.inject?.("right", "counter", new Uint8Array(bytes));
      expect((await read(left, target)).total).toBe(1);
      expect(right.counters().malformed).toBe(fixture.inject === undefined ? 0 : malformed.length);
      expect(failures).toEqual([]);
    });
  });
}
