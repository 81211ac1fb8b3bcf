import { createRandom } from "@shoal/actors";
import { defaultStandingRules, goodStanding, type Device } from "@shoal/federated";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { restMs } from "./declines.ts";
import { createIdlePool } from "./idle-pool.ts";
import { createRegistry } from "./registry.ts";

const device: Device = { memoryBytes: 1, samples: 1, testSamples: 0, encodings: [], platform: "node" };
const names = ["a", "b", "c", "d", "e", "f", "g"] as const;
const name = fc.constantFrom(...names);

describe("a pool of idle clients", () => {
  it("holds what was put in and not taken out, and draws only that, none twice", () => {
    const change = fc.tuple(fc.constantFrom("add", "remove", "draw"), name, fc.nat(8), fc.subarray([...names]));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.integer(), (changes, seed) => {
        const pool = createIdlePool();
        const model = new Set<string>();
        const random = createRandom(`pool ${seed}`);
        for (const [kind, client, count, except] of changes) {
          if (kind === "draw") {
            const drawn = pool.draw(count, except, random);
            const free = [...model].filter((each) => !except.includes(each as (typeof names)[number]));
            expect(new Set(drawn).size).toBe(drawn.length);
            expect(drawn.every((each) => free.includes(each))).toBe(true);
            expect(drawn).toHaveLength(Math.min(count, free.length));
          } else {
            pool[kind](client);
            model[kind === "add" ? "add" : "delete"](client);
          }
          expect(pool.count).toBe(model.size);
        }
      }),
    );
  });

  it("draws everybody as often", () => {
    const pool = createIdlePool();
    for (const each of names) pool.add(each);
    const random = createRandom("fair");
    const counts = new Map<string, number>();
    for (let time = 0; time < 7_000; time += 1) {
      for (const each of pool.draw(2, [], random)) counts.set(each, (counts.get(each) ?? 0) + 1);
    }
    // Each is expected 2,000 times, with a deviation of 38: five of those either way.
    for (const each of names) expect(Math.abs((counts.get(each) ?? 0) - 2_000)).toBeLessThan(190);
  });
});

describe("a registry", () => {
  const settings = { mostClients: 4, leaseMs: 100, standing: { ...defaultStandingRules, quarantineMs: 1_000 } };
  /** What a registry is, without care for time or room. */
  interface Plain {
    readonly heard: Map<string, number>;
    readonly busy: Set<string>;
    /** Of whom nothing was heard since they were asked. */
    readonly asked: Set<string>;
    /** And whose time to answer is over, or who were called. */
    readonly resting: Set<string>;
    /** How often they declined in a row and until when they rest; it lasts though they go. */
    readonly declined: Map<string, { readonly times: number; readonly untilMs: number }>;
  }

  const forget = (plain: Plain, client: string): void => {
    for (const each of [plain.heard, plain.busy, plain.asked, plain.resting]) each.delete(client);
  };
  const hear = (plain: Plain, client: string, now: number): void => {
    plain.heard.set(client, now);
    plain.asked.delete(client);
    plain.resting.delete(client);
  };
  const oldest = ({ heard }: Plain): string | undefined => [...heard].toSorted(([, a], [, b]) => a - b)[0]?.[0];

  it("takes being drawn for no sign of life", () => {
    const registry = createRegistry(settings);
    for (const [at, client] of ["a", "b", "c", "d"].entries()) registry.checkIn(client, device, at);
    registry.setBusy("a", true);
    registry.checkIn("e", device, 5);
    expect(registry.find("a")).toBeUndefined();
    expect(registry.find("b")).toBeDefined();
  });

  it("remembers something of as many clients as it may know", () => {
    const registry = createRegistry(settings);
    for (const client of names) registry.holdAgainst(client, 0);
    const remembered = names.filter((client) => registry.standing(client) !== goodStanding);
    expect(remembered).toEqual(names.slice(-settings.mostClients));
  });

  it("equals a plain list of who was heard of, and when", () => {
    const kinds = [
      ...["checkIn", "touch", "leave", "busy", "idle", "sweep", "asked", "unanswered", "callRoll"],
      ...["decline", "tookPart", "release"],
    ] as const;
    const event = fc.record({
      kind: fc.constantFrom(...kinds),
      client: name,
      afterMs: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        const registry = createRegistry(settings);
        const plain: Plain = {
          ...{ heard: new Map(), busy: new Set(), asked: new Set(), resting: new Set(), declined: new Map() },
        };
        let [now, released] = [0, 0];
        const declines = (each: string): boolean => (plain.declined.get(each)?.untilMs ?? 0) > released;
        const isIdle = (each: string): boolean => !plain.busy.has(each) && !plain.resting.has(each) && !declines(each);
        for (const { kind, client, afterMs } of events) {
          now += afterMs;
          const isKnown = plain.heard.has(client);
          if (kind === "checkIn") {
            const out = oldest(plain);
            if (!isKnown && plain.heard.size >= settings.mostClients && out !== undefined) forget(plain, out);
            registry.checkIn(client, device, now);
            hear(plain, client, now);
          } else if (kind === "touch") {
            registry.touch(client, now);
            if (isKnown) hear(plain, client, now);
          } else if (kind === "leave") {
            registry.leave(client);
            forget(plain, client);
          } else if (kind === "sweep") {
            const silent = [...plain.heard].filter(
              ([each, at]) => now - at > settings.leaseMs && !plain.busy.has(each),
            );
            expect([...registry.sweep(now, (each) => plain.busy.has(each))].toSorted()).toEqual(
              silent.map(([each]) => each).toSorted(),
            );
            for (const [each] of silent) forget(plain, each);
            released = now;
          } else if (kind === "decline") {
            const times = (plain.declined.get(client)?.times ?? 0) + 1;
            expect(registry.decline(client, now)).toBe(restMs(times));
            // As many as are remembered, the newest.
            plain.declined.delete(client);
            plain.declined.set(client, { times, untilMs: now + restMs(times) });
            const [oldest = ""] = plain.declined.keys();
            if (plain.declined.size > settings.mostClients) plain.declined.delete(oldest);
          } else if (kind === "tookPart") {
            registry.tookPart(client);
            plain.declined.delete(client);
          } else if (kind === "release") {
            registry.release(now);
            released = now;
          } else if (kind === "asked") {
            registry.asked(client, now);
            // Offered another round it may answer that one.
            plain.resting.delete(client);
            if (isKnown) plain.asked.add(client);
          } else if (kind === "unanswered") {
            const rests = plain.asked.has(client);
            expect(registry.unanswered([client])).toEqual(rests ? [client] : []);
            if (rests) plain.resting.add(client);
            plain.asked.delete(client);
          } else if (kind === "callRoll") {
            const sinceMs = now - 30;
            const called = [...plain.heard].filter(([each, at]) => at <= sinceMs && isIdle(each)).map(([each]) => each);
            expect([...registry.callRoll(sinceMs)].toSorted()).toEqual(called.toSorted());
            for (const each of called) {
              plain.resting.add(each);
              plain.asked.delete(each);
            }
          } else {
            registry.setBusy(client, kind === "busy");
            if (isKnown) plain.busy[kind === "busy" ? "add" : "delete"](client);
          }
          expect(registry.size).toBe(plain.heard.size);
          expect(registry.idle).toBe([...plain.heard.keys()].filter(isIdle).length);
          expect(registry.resting).toBe(plain.resting.size);
          const ends = [...plain.declined].filter(([each]) => plain.heard.has(each) && declines(each));
          expect(registry.declining).toBe(ends.length);
          const times = ends.map(([, { untilMs }]) => untilMs);
          const returns = { firstMs: Math.min(...times), lastMs: Math.max(...times) };
          expect(registry.returns()).toEqual(ends.length === 0 ? undefined : returns);
        }
      }),
    );
  });

  it("draws nobody who let an offer run out, until it is heard of; whoever was heard of meanwhile is there", () => {
    const registry = createRegistry(settings);
    for (const client of ["a", "b", "c"]) registry.checkIn(client, device, 0);
    for (const client of ["a", "b"]) registry.asked(client, 1);
    registry.touch("b", 2);
    expect(registry.unanswered(["a", "b", "c"])).toEqual(["a"]);
    const drawn = (): readonly string[] => registry.draw(9, [], createRandom("rest")).toSorted();
    expect([drawn(), registry.idle, registry.resting]).toEqual([["b", "c"], 2, 1]);
    registry.touch("a", 3);
    expect([drawn(), registry.idle, registry.resting]).toEqual([["a", "b", "c"], 3, 0]);
    // Being drawn, and let go, is no sign of life.
    registry.asked("a", 4);
    registry.setBusy("a", true);
    registry.unanswered(["a"]);
    registry.setBusy("a", false);
    expect(drawn()).toEqual(["b", "c"]);
    expect(registry.sweep(101, () => false)).toEqual(["c"]);
    expect(registry.sweep(104, () => false)).toEqual(["b", "a"]);
    expect(registry.resting).toBe(0);
  });

  it("draws nobody who has declined before its rest is over, whether it is heard of or not", () => {
    const registry = createRegistry(settings);
    for (const client of ["a", "b"]) registry.checkIn(client, device, 0);
    expect([registry.nextReturnMs, registry.decline("a", 10), registry.nextReturnMs]).toEqual([
      undefined,
      2_000,
      2_010,
    ]);
    registry.touch("a", 20);
    registry.checkIn("a", device, 30);
    expect([registry.draw(9, [], createRandom("rest")), registry.idle, registry.declining]).toEqual([["b"], 1, 1]);
    expect(registry.declinesFor("a", 1_010)).toBe(1_000);
    registry.release(2_009);
    expect(registry.idle).toBe(1);
    registry.release(2_010);
    expect([registry.idle, registry.declining, registry.declinesFor("a", 2_010)]).toEqual([2, 0, 0]);
  });

  it("forgets who left a round and then fell silent, and nobody who trains", () => {
    const registry = createRegistry(settings);
    for (const client of ["left", "trains"]) {
      registry.checkIn(client, device, 0);
      registry.setBusy(client, true);
    }
    expect(registry.sweep(101, (client) => client === "trains")).toEqual(["left"]);
  });

  it("knows a client as long as it was told, whether others come more often or it is heard of in between", () => {
    const registry = createRegistry(settings);
    registry.checkIn("seldom", device, 0, 300);
    registry.checkIn("often", device, 10);
    expect(registry.sweep(111, () => false)).toEqual(["often"]);
    expect(registry.sweep(300, () => false)).toEqual([]);
    registry.touch("seldom", 300);
    expect(registry.sweep(600, () => false)).toEqual([]);
    expect(registry.sweep(601, () => false)).toEqual(["seldom"]);
  });

  it("draws nobody who is in quarantine, and lets them in again when it is over", () => {
    const registry = createRegistry(settings);
    registry.checkIn("a", device, 0);
    for (let offence = 0; offence < defaultStandingRules.mostOffences; offence += 1) registry.holdAgainst("a", 0);
    expect(registry.idle).toBe(0);
    registry.checkIn("a", device, 500);
    expect(registry.idle).toBe(0);
    registry.checkIn("a", device, 1_001);
    expect(registry.idle).toBe(1);
    registry.holdAgainst("a", 2_000, true);
    expect(registry.idle).toBe(0);
  });
});
