import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advanceSecureSum, nextSecureDeadline, startSecureSum, waitedFor } from "./advance-server.ts";
import { advanceClient, type ClientEvent, type ClientState } from "./client-state.ts";
import { maximumClients, type AdvertisedKeys, type SealedShares } from "./messages.ts";
import { sealedBytes } from "./sealed-share.ts";
import type { SecureSumPlan, ServerEvent, ServerState } from "./server-state.ts";
import { shareHashOf, type SharedSecret } from "./share-hash.ts";

const keysOf = (client: string, fill: number): AdvertisedKeys => ({
  client,
  maskKey: new Uint8Array(33).fill(2 * fill),
  sealKey: new Uint8Array(33).fill(2 * fill + 1),
  seedHash: new Uint8Array(32),
  signature: new Uint8Array(),
});
const clients = Array.from({ length: 8 }, (_, i) => `c${i}`);
const roster = clients.map(keysOf);
const settings = { minimumClients: 4 };

describe("a client, whatever the server says", () => {
  const index = fc.integer({ min: -1, max: 9 });
  const some = fc.array(index, { maxLength: 9 });
  const event: fc.Arbitrary<ClientEvent> = fc.oneof(
    fc.record({
      type: fc.constant("roster" as const),
      roster: fc.oneof(fc.constant(roster), fc.subarray(roster), fc.constant([...roster, ...roster])),
      self: fc.constant(0),
      neighbours: fc.oneof({ weight: 3, arbitrary: fc.constant([1, 2, 6, 7]) }, { weight: 1, arbitrary: some }),
      threshold: fc.constant(3),
    }),
    fc.record({
      type: fc.constant("shares" as const),
      senders: fc.oneof(fc.constant([1, 2, 6, 7]), fc.subarray([1, 2, 6, 7]), some),
    }),
    fc.record({
      type: fc.constant("request" as const),
      request: fc.oneof(
        fc.subarray([1, 2, 3, 4, 5, 6, 7], { maxLength: 3 }).map((dropped) => ({
          dropped,
          survivors: [0, 1, 2, 3, 4, 5, 6, 7].filter((client) => !dropped.includes(client)),
        })),
        fc.record({ survivors: some, dropped: some }),
      ),
    }),
  );
  const inOrder = fc.tuple(
    fc.array(event, { maxLength: 2 }),
    fc.constantFrom(0, 1, 2, 3),
    fc.array(event, { maxLength: 8 }),
  );
  const right: readonly ClientEvent[] = [
    { type: "roster", roster, self: 0, neighbours: [1, 2, 6, 7], threshold: 3 },
    { type: "shares", senders: [1, 2, 6, 7] },
    { type: "request", request: { survivors: [0, 1, 3, 4, 6, 7], dropped: [2, 5] } },
  ];

  it("gives at most one of the two shares of a client away, once, and only for a sum that it is in", () => {
    let answered = 0;
    fc.assert(
      fc.property(inOrder, ([before, length, after]) => {
        // From the beginning, and from every state of a right session.
        const events = [...(length === 0 ? before : right.slice(0, length)), ...after];
        let state: ClientState = { phase: "advertised" };
        const [seeds, maskKeys] = [new Set<number>(), new Set<number>()];
        let answers = 0;
        for (const each of events) {
          const left = state.phase === "left";
          const step = advanceClient(state, each, settings);
          if (left) expect(step.effect.type).toBe("leave");
          state = step.state;
          if (step.effect.type !== "reveal" || each.type !== "request") continue;
          answers++;
          answered++;
          expect(each.request.survivors).toContain(0);
          expect(new Set(each.request.survivors).size).toBeGreaterThanOrEqual(settings.minimumClients);
          expect(step.effect.seedsOf.length).toBeGreaterThanOrEqual(3);
          for (const of of step.effect.seedsOf) expect(each.request.survivors).toContain(of);
          for (const of of step.effect.maskKeysOf) expect(each.request.dropped).toContain(of);
          step.effect.seedsOf.forEach((of) => seeds.add(of));
          step.effect.maskKeysOf.forEach((of) => maskKeys.add(of));
        }
        expect(answers).toBeLessThanOrEqual(1);
        expect([...seeds].filter((of) => maskKeys.has(of))).toEqual([]);
        expect(maskKeys.has(0)).toBe(false);
      }),
      { numRuns: 5000 },
    );
    expect(answered).toBeGreaterThan(300); // the property is about something
  });

  it("says why it leaves", () => {
    const after = (events: readonly ClientEvent[]): ClientState =>
      events.reduce<ClientState>((state, each) => advanceClient(state, each, settings).state, { phase: "advertised" });
    const [join, shares] = right;
    if (join?.type !== "roster" || shares?.type !== "shares") throw new Error("no events");
    const asked = (survivors: readonly number[], dropped: readonly number[]): ClientEvent => ({
      type: "request",
      request: { survivors, dropped },
    });
    const cases: readonly (readonly [string, readonly ClientEvent[]])[] = [
      ["a roster of 3 clients, expected 4 …", [{ ...join, roster: roster.slice(0, 3) }]],
      [
        `… ${maximumClients}`,
        [{ ...join, roster: Array.from({ length: maximumClients + 1 }, (_, i) => keysOf(`c${i}`, 1)) }],
      ],
      ["a client is in the roster twice", [{ ...join, roster: [...roster.slice(1), ...roster.slice(1, 2)] }]],
      ["a key is in the roster twice", [{ ...join, roster: [...roster, keysOf("new", 3)] }]],
      ["the neighbours are not in the roster", [{ ...join, neighbours: [1, 8] }]],
      ["shares of a client came twice", [join, { ...shares, senders: [1, 1, 2, 6] }]],
      ["who is no neighbour", [join, { ...shares, senders: [1, 2, 3] }]],
      ["fewer than the threshold of 3", [join, { ...shares, senders: [1, 2] }]],
      ["a client is asked for twice", [join, shares, asked([0, 1, 2, 6, 7], [7])]],
      ["a sum of 3 clients", [join, shares, asked([0, 1, 2], [6, 7])]],
      ["leaves this client out", [join, shares, asked([1, 2, 3, 6], [0, 7])]],
      ["does not say what became of client 7", [join, shares, asked([0, 1, 2, 6], [])]],
      ["2 neighbours are in the sum, fewer than", [join, shares, asked([0, 3, 4, 5, 1, 6], [2, 7])]],
      ["a request came to a client that has shared", [join, asked([0, 1, 2, 6], [7])]],
      ["a roster came to a client that has masked its vector", [join, shares, join]],
      [
        "a request came to a client that has answered",
        [join, shares, asked([0, 1, 2, 6], [7]), asked([0, 1, 2, 7], [6])],
      ],
    ];
    for (const [reason, events] of cases) {
      expect(after(events)).toEqual({ phase: "left", reason: expect.stringContaining(reason) as string });
    }
  });
});

describe("the server, whatever the clients do", () => {
  const plan: SecureSumPlan = {
    ...{ name: "n", curve: "P-256", bits: 32, minimumClients: 4, invited: 8, stageTimeoutMs: 100 },
    threat: { adversarialShare: 0, dropOutShare: 0.45, server: "curious" },
  };
  const share = new Uint8Array(36);
  const sealed = new Uint8Array(sealedBytes);
  /** Of the newest session: a client sends the same shares again and again. */
  let dealt: { session: Uint8Array; shares: Map<number, SealedShares[]> } = { session: sealed, shares: new Map() };
  const sharesFrom = (state: ServerState, from: number): SealedShares[] => {
    if (state.phase !== "sharing") return [];
    const { session, neighbours } = state;
    if (dealt.session !== session) dealt = { session, shares: new Map() };
    const shares =
      dealt.shares.get(from) ??
      (neighbours[from] ?? []).map((to) => {
        const hashOf = (secret: SharedSecret): Uint8Array => shareHashOf(session, [from, to], secret, share);
        return { from, to, sealed, hashes: { maskKey: hashOf("maskKey"), seed: hashOf("seed") } };
      });
    dealt.shares.set(from, shares);
    return shares;
  };

  /** What a client would answer to the request of this state. */
  function answerOf(state: ServerState, from: number): ServerEvent {
    const request = state.phase === "unmasking" ? state.request : { survivors: [], dropped: [] };
    const own = state.phase === "unmasking" ? (state.neighbours[from] ?? []) : [];
    const of = (some: readonly number[]) =>
      own.filter((client) => some.includes(client)).map((client) => ({ of: client, share }));
    return {
      type: "answer",
      client: `c${from}`,
      answer: { seeds: of(request.survivors), maskKeys: of(request.dropped) },
    };
  }
  const kinds = ["keys", "shares", "masked", "answer", "left", "tick", "bad_shares", "bad_answer"] as const;
  function eventOf(state: ServerState, kind: (typeof kinds)[number], from: number): ServerEvent {
    const client = `c${from}`;
    switch (kind) {
      case "keys":
        return { type: "keys", keys: keysOf(client, from) };
      case "shares":
        return { type: "shares", client, shares: sharesFrom(state, from) };
      case "bad_shares":
        return { type: "shares", client, shares: sharesFrom(state, from).slice(1) };
      case "answer":
        return answerOf(state, from);
      case "bad_answer":
        return { type: "answer", client, answer: { seeds: [{ of: from, share }], maskKeys: [] } };
      case "masked":
      case "left":
        return { type: kind, client };
      case "tick":
        return { type: "tick" };
    }
  }

  /** What the step is of a stage whose clients do what they should, in any order, with others between. */
  const usual = {
    advertising: "keys",
    sharing: "shares",
    masking: "masked",
    unmasking: "answer",
    summed: "tick",
    aborted: "tick",
  } as const;

  it("ends by its deadlines, with a sum of at least the minimum or a reason", () => {
    const ends = { summed: 0, aborted: 0 };
    const step = fc.record({
      odd: fc.integer({ min: 0, max: 9 }),
      kind: fc.constantFrom(...kinds),
      from: fc.integer({ min: 0, max: 9 }),
      passedMs: fc.oneof(
        { weight: 19, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 120 }) },
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
        let state = startSecureSum(plan, 0) as ServerState;
        let now = 0;
        let unmasked = 0;
        let shared = new Set<string>();
        const advance = (event: ServerEvent): void => {
          const before = state;
          const next = advanceSecureSum(state, event, now);
          state = next.state;
          for (const effect of next.effects) {
            if (effect.type === "send_shares") shared = new Set([...shared, effect.to]);
            if (effect.type !== "unmask") continue;
            unmasked++;
            expect(effect.unmasking.survivors.length).toBeGreaterThanOrEqual(plan.minimumClients);
            for (const { shares } of [...effect.unmasking.survivors, ...effect.unmasking.dropped]) {
              expect(shares.length).toBeGreaterThanOrEqual(effect.unmasking.threshold);
            }
          }
          if (before.phase === "summed" || before.phase === "aborted") expect(state).toBe(before);
          const deadline = nextSecureDeadline(state);
          if (deadline !== undefined) expect(deadline).toBeGreaterThan(now);
        };
        for (const [turn, { odd, kind, from, passedMs }] of steps.entries()) {
          now += passedMs;
          advance(odd === 0 ? eventOf(state, kind, from) : eventOf(state, usual[state.phase], (3 * turn) % 8));
        }
        for (let stage = 0; stage < 5 && nextSecureDeadline(state) !== undefined; stage++) {
          now = nextSecureDeadline(state) ?? now;
          advance({ type: "tick" });
        }
        const { phase } = state;
        if (phase !== "summed" && phase !== "aborted") throw new Error(`still ${phase}`);
        ends[phase]++;
        expect(unmasked).toBe(phase === "summed" ? 1 : 0);
        for (const client of state.phase === "summed" ? state.survivors : []) expect(shared).toContain(client);
      }),
      { numRuns: 3000 },
    );
    expect(ends.summed).toBeGreaterThan(100);
    expect(ends.aborted).toBeGreaterThan(100);
  });

  /** Plays all events in order. */
  const played = (
    events: readonly ((state: ServerState) => ServerEvent)[],
    from: ServerState = startSecureSum(plan, 0),
  ) =>
    events.reduce<{ state: ServerState; effects: readonly { type: string }[] }>(
      ({ state }, event) => advanceSecureSum(state, event(state), 0),
      { state: from, effects: [] },
    );
  const each = (kind: (typeof kinds)[number], count = 8) =>
    Array.from({ length: count }, (_, from) => (state: ServerState) => eventOf(state, kind, from));

  it("answers what comes again, and refuses what comes late", () => {
    const sharing = played(each("keys")).state;
    const of = (state: ServerState, event: ServerEvent) => advanceSecureSum(state, event, 1).effects;
    expect(of(sharing, { type: "keys", keys: keysOf("c3", 3) })).toMatchObject([{ type: "send_roster", to: ["c3"] }]);
    expect(of(sharing, { type: "keys", keys: keysOf("c3", 4) })).toMatchObject([{ type: "refuse", client: "c3" }]);
    expect(of(sharing, { type: "keys", keys: keysOf("new", 9) })).toMatchObject([
      { type: "refuse", reason: "the roster is closed" },
    ]);
    const masking = played(each("shares"), sharing).state;
    expect(of(masking, { type: "shares", client: "c3", shares: [] })).toMatchObject([
      { type: "send_shares", to: "c3" },
    ]);
    const unmasking = played(each("masked"), masking).state;
    expect(of(unmasking, { type: "masked", client: "c3" })).toMatchObject([{ type: "send_request", to: ["c3"] }]);
    expect(of(unmasking, { type: "shares", client: "c3", shares: [] })).toMatchObject([
      { type: "refuse", reason: "shares came too late" },
    ]);
    const summed = played(each("answer"), unmasking);
    expect(summed.state.phase).toBe("summed");
    expect(of(summed.state, { type: "masked", client: "c3" })).toMatchObject([
      { type: "refuse", reason: "the sum is there" },
    ]);
  });

  it("holds an answer against its client that is about others than it was asked for, once", () => {
    const unmasking = played([...each("keys"), ...each("shares"), ...each("masked")]).state;
    const { state, effects } = advanceSecureSum(unmasking, eventOf(unmasking, "bad_answer", 3), 1);
    expect(effects).toMatchObject([
      { type: "refuse", client: "c3" },
      { type: "accuse", client: "c3", isFatal: false },
    ]);
    expect(advanceSecureSum(state, eventOf(state, "bad_answer", 3), 1).effects).toMatchObject([{ type: "refuse" }]);
  });

  it("names whom it waits for, and waits for nobody who has left or sent what is wrong", () => {
    const { state } = played([...each("keys"), ...each("shares", 5)]);
    if (state.phase !== "sharing") throw new Error(state.phase);
    expect(waitedFor(state)).toEqual(["c5", "c6", "c7"]);
    const after = played([(at) => eventOf(at, "left", 5), (at) => eventOf(at, "bad_shares", 6)], state).state;
    expect(after.phase === "sharing" && waitedFor(after)).toEqual(["c7"]);
    expect(played([(at) => eventOf(at, "shares", 7)], after).state.phase).toBe("masking");
  });

  it("takes out who has too few neighbours left, and goes on with the others", () => {
    const begun = played(each("keys")).state;
    if (begun.phase !== "sharing") throw new Error(begun.phase);
    // Everybody's neighbours are the two before and the two after; client 0 has two only.
    const ring = clients.map((_, client) => [6, 7, 1, 2].map((step) => (client + step) % 8).sort((a, b) => a - b));
    const state = { ...begun, threshold: 2, neighbours: ring.map((some, client) => (client === 0 ? [1, 2] : some)) };
    const others = [0, 2, 3, 4, 5, 6, 7].map((from) => (at: ServerState) => eventOf(at, "shares", from));
    const shared = played([...others, (at) => eventOf(at, "left", 1)], state).state;
    // Client 0 has only client 2 left.
    expect(shared.phase === "masking" && shared.shared).toEqual([2, 3, 4, 5, 6, 7]);
  });

  it("refuses keys that are none, or that are another's", () => {
    const { state } = played(each("keys", 2));
    const refused = (keys: AdvertisedKeys) => advanceSecureSum(state, { type: "keys", keys }, 0).effects;
    expect(refused({ ...keysOf("c5", 5), maskKey: new Uint8Array(3) })).toMatchObject([
      { type: "refuse", client: "c5" },
    ]);
    expect(refused(keysOf("c5", 1))).toMatchObject([{ type: "refuse", client: "c5" }]);
    expect(refused(keysOf("c5", 5))).toEqual([]);
  });

  it("refuses a plan that contradicts itself", () => {
    for (const change of [
      { minimumClients: 2 },
      { invited: 3 },
      { invited: 5000 },
      { bits: 33 },
      { stageTimeoutMs: 0 },
    ]) {
      expect(() => startSecureSum({ ...plan, ...change }, 0)).toThrow(RangeError);
    }
  });
});
