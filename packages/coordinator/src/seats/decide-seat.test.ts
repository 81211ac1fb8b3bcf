import { createRandom } from "@shoal/actors";
import type { SeatHolder, ShardSeat } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { decideSeat, type SeatDecision, type SeatFacts } from "./decide-seat.ts";
import { holdersOf, type HolderState } from "./seat.ts";

const server = (member: number): SeatHolder => {
  const node = `server-${member}`;
  return { member, incarnation: 1, node, endpoint: `${node}:1` };
};
const [a, b, c, d] = [server(1), server(2), server(3), server(4)];

function seatOf(
  primary: SeatHolder,
  replicas: readonly SeatHolder[] = [],
  learners: readonly SeatHolder[] = [],
): ShardSeat {
  return { shard: 0, term: 5, primary, replicas, learners };
}

type Given = Partial<Omit<SeatFacts, "stateOf" | "indexOf" | "isCutOff" | "unreachedBy" | "stalled">> & {
  readonly seat: ShardSeat;
  readonly states?: Readonly<Record<number, HolderState>>;
  readonly indexes?: Readonly<Record<number, number>>;
  readonly cutOff?: readonly number[];
  /** Members that do not catch up. */
  readonly slow?: readonly number[];
  /** Workers that cannot reach a member. */
  readonly unreached?: Readonly<Record<number, readonly string[]>>;
};

function decide({ states = {}, indexes = {}, cutOff = [], slow = [], unreached = {}, ...given }: Given): SeatDecision {
  return decideSeat({
    ...{
      copies: 1,
      caughtUp: new Set<number>(),
      refusing: new Set<number>(),
      settled: true,
      candidates: [],
      move: null,
    },
    ...given,
    stateOf: ({ member }) => states[member] ?? "alive",
    indexOf: ({ member }) => indexes[member] ?? 0,
    isCutOff: ({ member }) => cutOff.includes(member),
    unreachedBy: ({ member }) => unreached[member] ?? [],
    stalled: ({ member, node }) => (slow.includes(member) ? `${node} has not caught up in 60 s` : undefined),
  });
}

/** The seat after a change as names: primary, replicas, learners. */
function after(decision: SeatDecision): readonly [string, readonly string[], readonly string[]] {
  if (decision.kind !== "change") throw new Error(`${decision.kind}: ${decision.reason}`);
  const names = (holders: readonly SeatHolder[]): readonly string[] => holders.map(({ node }) => node);
  return [decision.seat.primary.node, names(decision.seat.replicas), names(decision.seat.learners)];
}

describe("a seat whose lines are dead though everybody lives", () => {
  it("goes to a replica that more workers reach, and the old primary has no part in it", () => {
    const decision = decide({ seat: seatOf(a, [b, c]), unreached: { 1: ["worker-2"], 2: ["worker-1"] } });
    expect(after(decision)).toEqual(["server-3", ["server-2"], []]);
    expect(decision.reason).toBe("server-3 takes over, because worker-2 cannot reach server-1");
  });

  it("stays where no replica is reached by more of them", () => {
    const unreached = { 1: ["worker-1"], 2: ["worker-2"] };
    expect(decide({ seat: seatOf(a, [b]), unreached }).kind).toBe("keep");
  });

  it("goes on without a replica that the primary cannot reach", () => {
    const decision = decide({ seat: seatOf(a, [b, c]), cutOff: [2] });
    expect(after(decision)).toEqual(["server-1", ["server-3"], []]);
    expect(decision.reason).toBe("goes on with fewer holders: server-1 cannot reach server-2");
  });

  it("leaves a primary that nobody reaches before it has lost all copies", () => {
    const decision = decide({ seat: seatOf(a, [b]), cutOff: [2], unreached: { 1: ["worker-1"] } });
    expect(after(decision)).toEqual(["server-2", [], []]);
  });

  it("changes only once the primary knows its seat", () => {
    const given = { seat: seatOf(a, [b]), cutOff: [2], unreached: { 1: ["worker-1"] }, settled: false };
    expect(decide(given).kind).toBe("keep");
  });
});

describe("the seat of a shard", () => {
  it("goes to the replica with the newest entry when the primary is silent, also before the last seat was confirmed", () => {
    const decision = decide({
      seat: seatOf(a, [b, c]),
      states: { 1: "suspected" },
      indexes: { 2: 7, 3: 9 },
      settled: false,
    });
    expect(after(decision)).toEqual(["server-3", ["server-2"], []]);
    expect(decision.reason).toBe("server-3 takes over, because server-1 is suspected");
  });

  it("never goes to a learner, nor to a replica that is silent too", () => {
    const states = { 1: "suspected", 2: "suspected" } as const;
    const decision = decide({ seat: seatOf(a, [b], [c]), states, caughtUp: new Set([3]) });
    expect(decision).toEqual({ kind: "keep", reason: "server-1 is suspected; waiting for server-1 or server-2" });
  });

  it("is lost with the last one who had all entries", () => {
    expect(decide({ seat: seatOf(a, [b], [c]), states: { 1: "lost", 2: "lost" } }).kind).toBe("lost");
    expect(decide({ seat: seatOf(a, [b]), states: { 1: "lost", 2: "suspected" } }).kind).toBe("keep");
  });

  it("drops a silent replica, so that acknowledgements need not wait for it", () => {
    const decision = decide({ seat: seatOf(a, [b, c]), states: { 2: "suspected" }, settled: false });
    expect(after(decision)).toEqual(["server-1", ["server-3"], []]);
  });

  it("gets a learner where a copy is missing, which becomes a replica when it has caught up", () => {
    expect(after(decide({ seat: seatOf(a), candidates: [c, b] }))).toEqual(["server-1", [], ["server-3"]]);
    expect(decide({ seat: seatOf(a, [], [c]), candidates: [b] }).reason).toBe("server-3 is being filled");
    const caughtUp = new Set([3]);
    expect(after(decide({ seat: seatOf(a, [], [c]), caughtUp }))).toEqual(["server-1", ["server-3"], []]);
  });

  it("gives a learner up whose server has no room for it", () => {
    const decision = decide({ seat: seatOf(a, [], [c]), refusing: new Set([3]) });
    expect(after(decision)).toEqual(["server-1", [], []]);
    expect(decision.reason).toBe("goes on with fewer holders: server-3 could not take the copy");
  });

  it("changes one thing at a time, once the primary knows the last change", () => {
    expect(decide({ seat: seatOf(a), candidates: [c], settled: false }).kind).toBe("keep");
  });

  it("says what is missing where no server has room", () => {
    expect(decide({ seat: seatOf(a) }).reason).toBe("1 of 1 copy is missing: no server has room for another");
  });

  it("replaces a primary that leaves before it goes, also where no copies are wanted", () => {
    const states = { 1: "leaving" } as const;
    const first = decide({ seat: seatOf(a), copies: 0, states, candidates: [b] });
    expect(after(first)).toEqual(["server-1", [], ["server-2"]]);
    expect(after(decide({ seat: seatOf(a, [b]), copies: 0, states }))).toEqual(["server-2", [], []]);
  });

  it("replaces a replica that leaves before it goes", () => {
    const states = { 2: "leaving" } as const;
    expect(after(decide({ seat: seatOf(a, [b]), states, candidates: [c] }))).toEqual([
      "server-1",
      ["server-2"],
      ["server-3"],
    ]);
    expect(after(decide({ seat: seatOf(a, [b, c]), states, candidates: [d] }))).toEqual(["server-1", ["server-3"], []]);
  });

  it("moves a primary by learner, replica, and primary", () => {
    const move = { from: 1, to: 4 };
    expect(after(decide({ seat: seatOf(a, [b]), move, candidates: [c, d] }))).toEqual([
      "server-1",
      ["server-2"],
      ["server-4"],
    ]);
    expect(after(decide({ seat: seatOf(a, [b, d]), move }))).toEqual(["server-4", ["server-2"], []]);
  });

  it("moves a replica by learner, replica, and drop", () => {
    const move = { from: 2, to: 4 };
    expect(after(decide({ seat: seatOf(a, [b, d]), move }))).toEqual(["server-1", ["server-4"], []]);
  });

  it("comes to rest with all copies, whatever happens to servers at random, and loses nothing while one copy lives", () => {
    for (let seed = 0; seed < 400; seed += 1) rest(seed);
  });
});

/** Lets servers fall silent and come back at random; a server that was out of the seat comes back empty. */
function rest(seed: number): void {
  const random = createRandom(`seat ${seed}`);
  const servers = [a, b, c, d];
  const states: Record<number, HolderState> = {};
  const copies = Math.floor(random.uniform() * 3);
  let seat = seatOf(a);
  let complete = new Set([1]);
  for (let step = 0; step < 60; step += 1) {
    const isCalm = step >= 40;
    for (const { member } of servers) {
      if (isCalm) states[member] = "alive";
      else if (random.uniform() < 0.1)
        states[member] =
          (["alive", "alive", "suspected", "leaving"] as const)[Math.floor(random.uniform() * 4)] ?? "alive";
    }
    const candidates = servers.filter(
      (each) => !holdersOf(seat).includes(each) && (states[each.member] ?? "alive") === "alive",
    );
    const settled = isCalm || random.uniform() < 0.7;
    const caughtUp = new Set(seat.learners.filter(() => isCalm || random.uniform() < 0.5).map(({ member }) => member));
    const decision = decide({ seat, copies, states, candidates, settled, caughtUp });
    expect(decision.kind).not.toBe("lost");
    if (decision.kind !== "change") continue;
    const next: ShardSeat = { ...decision.seat, term: seat.term + 1 };
    const members = holdersOf(next).map(({ member }) => member);
    expect(new Set(members).size).toBe(members.length);
    for (const { member } of [next.primary, ...next.replicas]) {
      expect(complete.has(member) || caughtUp.has(member), `seed ${seed}`).toBe(true);
    }
    complete = new Set([next.primary, ...next.replicas].map(({ member }) => member));
    seat = next;
  }
  expect({ seed, replicas: seat.replicas.length, learners: seat.learners.length }).toEqual({
    seed,
    replicas: copies,
    learners: 0,
  });
}
