/**
 * How the seat of one shard changes: fail-over, copies that are missing, moves. Pure.
 *
 * Who has all acknowledged entries is in `replicas` (P2 of `exchange/replication.ts`); so a replica can always take the
 * primary's place, and a learner never. What has to be done at once (a silent primary, a silent replica that
 * acknowledgements wait for) is done whatever else is under way. All else waits until the primary knows its seat, one change
 * at a time.
 *
 * Source  Lin et al., PacificA, MSR-TR-2008-25: reconfiguration by the configuration master alone.
 */
import { agreeing, counted } from "@shoal/errors";
import type { SeatHolder, ShardSeat } from "@shoal/protocol";
import { holdersOf, isWorking, type HolderState } from "./seat.ts";

export interface SeatFacts {
  readonly seat: ShardSeat;
  /** Replicas that the run wants. */
  readonly copies: number;
  readonly stateOf: (holder: SeatHolder) => HolderState;
  /** Newest log entry that a server is known to have. */
  readonly indexOf: (holder: SeatHolder) => number;
  /** Members that the primary has reported caught up in this seat. */
  readonly caughtUp: ReadonlySet<number>;
  /** The primary has confirmed this seat. */
  readonly settled: boolean;
  /** Servers that could take a copy and hold none, the best first. */
  readonly candidates: readonly SeatHolder[];
  /** Members that cannot take a copy: a learner there is given up. */
  readonly refusing: ReadonlySet<number>;
  /** Why a learner is given up that lives, and does not catch up; undefined: it comes on. */
  readonly stalled: (learner: SeatHolder) => string | undefined;
  /** The primary has been unable to reach this server for long enough, though it lives. */
  readonly isCutOff: (holder: SeatHolder) => boolean;
  /** Names of workers of the run that cannot reach this server, though it lives. */
  readonly unreachedBy: (holder: SeatHolder) => readonly string[];
  /** What evens out the load, by members: the copy of `from` should be at `to`. */
  readonly move: SeatMove | null;
}

export interface SeatMove {
  readonly from: number;
  readonly to: number;
  /** Not the copy moves, but the lead: `to` holds a replica, and changes places with the primary. */
  readonly isLead?: boolean;
  /** When the copy was still being filled, ms. */
  readonly filledAtMs?: number;
}

export type SeatDecision =
  | { readonly kind: "keep"; readonly reason: string }
  | { readonly kind: "change"; readonly seat: Omit<ShardSeat, "term">; readonly reason: string }
  /** Nobody is left who has all that was acknowledged. */
  | { readonly kind: "lost"; readonly reason: string };

export function decideSeat(facts: SeatFacts): SeatDecision {
  const { seat, stateOf } = facts;
  if (!isWorking(stateOf(seat.primary))) return replacePrimary(facts);
  const refused = seat.learners.filter(({ member }) => facts.refusing.has(member));
  const silent = [...seat.replicas, ...seat.learners].filter((holder) => !isWorking(stateOf(holder)));
  const stalled = seat.learners.filter((each) => facts.stalled(each) !== undefined);
  const gone = [...new Set([...silent, ...refused, ...stalled])];
  if (gone.length > 0) {
    return change(
      seat.primary,
      seat,
      gone,
      `goes on with fewer holders: ${gone.map((each) => describe(facts, each)).join(" and ")}`,
    );
  }
  if (!facts.settled) return { kind: "keep", reason: `${seat.primary.node} has not confirmed term ${seat.term}` };
  const reached = leadWhereReached(facts) ?? dropCutOff(facts);
  return reached ?? admitLearner(facts) ?? addLearner(facts) ?? handOver(facts) ?? dropSurplus(facts) ?? keep(facts);
}

function replacePrimary(facts: SeatFacts): SeatDecision {
  const { seat, stateOf, indexOf } = facts;
  const able = seat.replicas.filter((each) => isWorking(stateOf(each)));
  const best = able.toSorted(
    (a, b) => rank(facts, a) - rank(facts, b) || indexOf(b) - indexOf(a) || a.member - b.member,
  )[0];
  const said = describe(facts, seat.primary);
  if (best === undefined) {
    const hope = [seat.primary, ...seat.replicas].filter((each) => stateOf(each) !== "lost");
    if (hope.length === 0) return { kind: "lost", reason: `${said}, and nobody else has all of the shard` };
    return { kind: "keep", reason: `${said}; waiting for ${hope.map((each) => each.node).join(" or ")}` };
  }
  const gone = [...seat.replicas, ...seat.learners].filter((each) => !isWorking(stateOf(each)));
  return change(best, seat, [...gone, seat.primary], `${best.node} takes over, because ${said}`);
}

/**
 * Workers that cannot reach the primary cannot go on: a replica that more of them reach takes its place. Where there is
 * none they go on trying, and give up by themselves. It comes before {@link dropCutOff}: a server that nobody reaches must
 * not stay as the only one that has the shard.
 */
function leadWhereReached(facts: SeatFacts): SeatDecision | undefined {
  const { seat, stateOf, unreachedBy } = facts;
  const lost = unreachedBy(seat.primary);
  if (lost.length === 0) return undefined;
  const able = seat.replicas.filter((each) => stateOf(each) === "alive" && unreachedBy(each).length < lost.length);
  const best = able.toSorted((a, b) => unreachedBy(a).length - unreachedBy(b).length || a.member - b.member)[0];
  if (best === undefined) return undefined;
  const who = lost.length > 4 ? `${lost.length} workers` : lost.join(", ");
  const reason = `${best.node} takes over, because ${who} cannot reach ${seat.primary.node}`;
  return change(best, seat, [seat.primary], reason);
}

/** What is answered waits for every replica, so one that the primary cannot reach is given up like a silent one. */
function dropCutOff({ seat, isCutOff }: SeatFacts): SeatDecision | undefined {
  const gone = [...seat.replicas, ...seat.learners].filter(isCutOff);
  if (gone.length === 0) return undefined;
  const names = gone.map(({ node }) => node).join(" and ");
  return change(seat.primary, seat, gone, `goes on with fewer holders: ${seat.primary.node} cannot reach ${names}`);
}

/** A replica that stays is better than one that goes. */
function rank({ stateOf }: SeatFacts, holder: SeatHolder): number {
  return stateOf(holder) === "alive" ? 0 : 1;
}

function admitLearner({ seat, caughtUp }: SeatFacts): SeatDecision | undefined {
  const ready = seat.learners.find(({ member }) => caughtUp.has(member));
  if (ready === undefined) return undefined;
  const { shard, primary } = seat;
  const learners = seat.learners.filter((each) => each !== ready);
  const next = { shard, primary, replicas: [...seat.replicas, ready], learners };
  return { kind: "change", seat: next, reason: `${ready.node} has caught up and is a replica` };
}

/** One copy is filled at a time. A primary that goes is replaced before it goes. */
function addLearner(facts: SeatFacts): SeatDecision | undefined {
  const { seat, stateOf, copies, move } = facts;
  if (seat.learners.length > 0) return undefined;
  const staying = seat.replicas.filter((each) => stateOf(each) === "alive").length;
  const wanted = stateOf(seat.primary) === "leaving" ? copies + 1 : copies;
  if (staying >= wanted && move === null) return undefined;
  const { candidates } = facts;
  const target = candidates.find(({ member }) => member === move?.to);
  const isMoving = target !== undefined && holdersOf(seat).some(({ member }) => member === move?.from);
  const chosen = staying < wanted ? (target ?? candidates[0]) : isMoving ? target : undefined;
  if (chosen === undefined) return undefined;
  const why = staying < wanted ? missingText(wanted - staying, wanted) : "it has more room";
  const { shard, primary, replicas } = seat;
  const next = { shard, primary, replicas, learners: [chosen] };
  return { kind: "change", seat: next, reason: `${chosen.node} is filled, because ${why}` };
}

/** The primary goes, or the shard moves: a replica takes its place, and it stays as a copy only where one is missing. */
function handOver({ seat, stateOf, copies, move }: SeatFacts): SeatDecision | undefined {
  const { shard, primary, replicas, learners } = seat;
  if (learners.length > 0) return undefined;
  const leaves = stateOf(primary) === "leaving";
  const able = replicas.filter((each) => stateOf(each) === "alive");
  const target = move?.from === primary.member ? able.find(({ member }) => member === move.to) : undefined;
  const next = target ?? (leaves ? able[0] : undefined);
  if (next === undefined) return undefined;
  const others = replicas.filter((each) => each !== next);
  const stays = !leaves && others.length < copies;
  const why = leaves ? `${primary.node} leaves` : `${primary.node} has more load`;
  return {
    kind: "change",
    seat: { shard, primary: next, replicas: stays ? [...others, primary] : others, learners },
    reason: `${next.node} takes over, because ${why}`,
  };
}

/** More copies than wanted: after a move, after a leaver has been replaced. Those who want to go do so first. */
function dropSurplus(facts: SeatFacts): SeatDecision | undefined {
  const { seat, stateOf, copies, move } = facts;
  if (seat.learners.length > 0 || stateOf(seat.primary) === "leaving") return undefined;
  if (move?.from === seat.primary.member && seat.replicas.some(({ member }) => member === move.to)) return undefined;
  const going = seat.replicas.find((each) => stateOf(each) === "leaving");
  const staying = seat.replicas.filter((each) => stateOf(each) === "alive");
  if (going !== undefined && (staying.length >= copies || facts.candidates.length === 0)) {
    return change(seat.primary, seat, [going], `${going.node} leaves`);
  }
  if (staying.length <= copies) return undefined;
  const surplus = staying.find(({ member }) => member === move?.from) ?? staying.at(-1);
  return surplus && change(seat.primary, seat, [surplus], `${surplus.node} holds a copy more than is wanted`);
}

function missingText(missing: number, wanted: number): string {
  return `${missing} of ${counted(wanted, "copy", "copies")} ${agreeing(missing, "is", "are")} missing`;
}

function keep(facts: SeatFacts): SeatDecision {
  const { seat, copies, stateOf } = facts;
  const missing = copies - seat.replicas.filter((each) => stateOf(each) === "alive").length;
  if (missing <= 0) return { kind: "keep", reason: "all copies are there" };
  const filling = seat.learners.map(({ node }) => node).join(", ");
  if (filling !== "") return { kind: "keep", reason: `${filling} is being filled` };
  const why = facts.candidates.length === 0 ? "no server has room for another" : "one is on its way";
  return { kind: "keep", reason: `${missingText(missing, copies)}: ${why}` };
}

function change(
  primary: SeatHolder,
  { shard, replicas, learners }: ShardSeat,
  without: readonly SeatHolder[],
  reason: string,
): SeatDecision {
  const stays = (each: SeatHolder): boolean => each !== primary && !without.includes(each);
  return {
    kind: "change",
    seat: { shard, primary, replicas: replicas.filter(stays), learners: learners.filter(stays) },
    reason,
  };
}

function describe({ stateOf, refusing, stalled }: SeatFacts, holder: SeatHolder): string {
  if (!isWorking(stateOf(holder))) return `${holder.node} is ${stateOf(holder)}`;
  if (refusing.has(holder.member)) return `${holder.node} could not take the copy`;
  return stalled(holder) ?? `${holder.node} is ${stateOf(holder)}`;
}
