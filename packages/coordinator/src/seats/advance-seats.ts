/** Gathers the facts about each seat of a run, lets them decide, and carries the changes out. */
import { sizeOf, type SeatHolder, type ShardSeat } from "@shoal/protocol";
import { holderState, readyMembers, type Member, type MembershipState } from "../membership/membership.ts";
import { deadLine } from "../membership/dead-lines.ts";
import { failRun } from "../runs/end-run.ts";
import { isUnderWay, takesPart, type RunState } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { decideSeat, type SeatFacts } from "./decide-seat.ts";
import { mayTake } from "./may-take.ts";
import { isSettled, keysByServer, withSeats } from "./run-seats.ts";
import { holdersOf, sameServer, type HolderState } from "./seat.ts";
import { stalledText, withSlowServer } from "./watch-learners.ts";

/** Shards of a run that one server fills at a time: more would slow training down. */
const fillsAtOnce = 2;

export function advanceSeats(
  run: RunState,
  membership: MembershipState,
  now: number,
  settings: CoordinatorSettings,
): RunState {
  if (!isUnderWay(run) || run.seats.size === 0) return run;
  const states = new Map<string, HolderState>();
  const stateOf = (holder: SeatHolder): HolderState => {
    const key = `${holder.member}.${holder.incarnation}`;
    const known = states.get(key) ?? holderState(membership, holder, now, settings);
    states.set(key, known);
    return known;
  };
  // Most seats lack nothing, and nobody is sought for them.
  let servers: Room | undefined;
  const room = (): Room => (servers ??= serversWithRoom(run, membership, stateOf, now));
  const changes: Omit<ShardSeat, "term">[] = [];
  const notes: string[] = [];
  let next = run;
  for (const seat of run.seats.values()) {
    const facts = {
      ...linesOf(run, seat, membership, now),
      stalled: (learner: SeatHolder) => stalledText(run, seat, learner, now, settings),
    };
    const decision = decideSeat(factsOf(run, seat, stateOf, room, facts));
    if (decision.kind === "lost") return loseShards(run, seat, stateOf, now);
    if (decision.kind === "keep") continue;
    changes.push(decision.seat);
    notes.push(`run ${run.run}, shard ${seat.shard}: ${decision.reason} (term ${run.seatTerm + 1})`);
    for (const learner of decision.seat.learners) if (!seat.learners.includes(learner)) room().fill(learner, run, seat);
    next = withSlowLearners(next, seat, decision.seat, facts.stalled, { now, settings });
  }
  return withSeats(next, changes, notes);
}

/** Learners that were given up because they did not catch up. */
function withSlowLearners(
  run: RunState,
  before: ShardSeat,
  after: Omit<ShardSeat, "term">,
  stalled: SeatFacts["stalled"],
  { now, settings }: { readonly now: number; readonly settings: CoordinatorSettings },
): RunState {
  return before.learners.reduce((next, learner) => {
    const said = after.learners.includes(learner) ? undefined : stalled(learner);
    return said === undefined ? next : withSlowServer(next, learner, said, now, settings);
  }, run);
}

interface Room {
  /** Servers that may take another copy of a shard, those with the fewest keys first. */
  readonly candidates: (seat: ShardSeat) => readonly SeatHolder[];
  readonly fill: (learner: SeatHolder, run: RunState, seat: ShardSeat) => void;
}

function serversWithRoom(
  run: RunState,
  membership: MembershipState,
  stateOf: (holder: SeatHolder) => HolderState,
  now: number,
): Room {
  const keys = keysByServer(run);
  const fills = new Map<number, number>();
  for (const { learners } of run.seats.values())
    for (const { member } of learners) fills.set(member, (fills.get(member) ?? 0) + 1);
  const servers = (run.isSeated ? readyMembers(membership, "server") : [])
    .map(toHolder)
    .filter((each) => stateOf(each) === "alive");
  const keysOf = ({ member }: SeatHolder): number => keys.get(member) ?? 0;
  return {
    candidates: (seat) =>
      servers
        .filter(({ member }) => (fills.get(member) ?? 0) < fillsAtOnce)
        .filter((each) => mayTake(run, seat, each, membership, now))
        .filter(({ member }) => holdersOf(seat).every((holder) => holder.member !== member))
        .toSorted((a, b) => keysOf(a) - keysOf(b) || a.member - b.member),
    fill({ member }, { assignments }, { shard }) {
      const assignment = assignments.get(shard);
      fills.set(member, (fills.get(member) ?? 0) + 1);
      keys.set(member, (keys.get(member) ?? 0) + (assignment === undefined ? 0 : sizeOf(assignment)));
    },
  };
}

export function toHolder({ member, incarnation, name, endpoint }: Member): SeatHolder {
  return { member, incarnation, node: name, endpoint: endpoint ?? name };
}

/** Others may find out a moment later than the first that a server cannot be reached, and by whom. */
const cutOffAfterMs = 1_000;

type ReachFacts = Pick<SeatFacts, "isCutOff" | "unreachedBy">;

/** Who cannot reach whom. */
function linesOf(run: RunState, { primary }: ShardSeat, { deadLines }: MembershipState, now: number): ReachFacts {
  if (deadLines.size === 0) return { isCutOff: () => false, unreachedBy: () => [] };
  return {
    isCutOff: (holder) => now - (deadLine(deadLines, primary.member, holder, now)?.foundAtMs ?? now) >= cutOffAfterMs,
    unreachedBy: (holder) =>
      [...run.workers.values()]
        .filter((worker) => takesPart(run, worker) !== undefined)
        .filter(({ member }) => deadLine(deadLines, member, holder, now) !== undefined)
        .map(({ name }) => name),
  };
}

function factsOf(
  run: RunState,
  seat: ShardSeat,
  stateOf: (holder: SeatHolder) => HolderState,
  room: () => Room,
  flow: Pick<SeatFacts, "isCutOff" | "unreachedBy" | "stalled">,
): SeatFacts {
  const reported = run.caughtUp.get(seat.shard);
  return {
    seat,
    copies: run.copies,
    stateOf,
    indexOf: (holder) => run.servers.find((each) => sameServer(each, holder))?.indexes.get(seat.shard) ?? 0,
    caughtUp: reported?.term === seat.term ? reported.members : nobody,
    settled: isSettled(run, seat),
    get candidates() {
      return room().candidates(seat);
    },
    refusing: new Set(run.servers.filter(({ refuses }) => refuses).map(({ member }) => member)),
    move: run.moves.get(seat.shard) ?? null,
    ...flow,
  };
}

const nobody: ReadonlySet<number> = new Set();

/** The last copy of a shard is gone: names the server that had it, and all shards that went with it. */
function loseShards(
  run: RunState,
  { primary }: ShardSeat,
  stateOf: (holder: SeatHolder) => HolderState,
  now: number,
): RunState {
  const gone = [...run.seats.values()].filter(
    (seat) => sameServer(seat.primary, primary) && seat.replicas.every((each) => stateOf(each) === "lost"),
  );
  const shards = gone.map((seat) => seat.shard).join(", ");
  const reason = run.servers.find((each) => sameServer(each, primary))?.lostBecause ?? "its lease ended";
  const sentence = `${primary.node} held shards ${shards} of run ${run.run} and is lost: ${reason}`;
  return failRun(run, "server_lost", sentence, { server: primary.node }, now);
}
