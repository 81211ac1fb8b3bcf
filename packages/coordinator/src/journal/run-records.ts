/**
 * What of a run that has started is durable. Each record is right by itself, whichever of the others was written last: a
 * coordinator may die between any two of them.
 *
 * Keys of a run: `work/<run>` (who takes part, how far the run is), `slots/<run>`, `ledger/<run>`, `evaluations/<run>`,
 * `placement/<run>` (the key ranges), `seats/<run>/<part>`, `figures/<run>` (`kept-figures.ts`).
 */
import type { SerializedError } from "@shoal/errors";
import type { SeatHolder, ShardSeat } from "@shoal/protocol";
import type { ClusterState } from "../cluster-state.ts";
import type { IntervalSet } from "../leases/interval-set.ts";
import type { Holder, Lease } from "../leases/ledger.ts";
import type { EvaluationLog } from "../runs/evaluation-log.ts";
import type { RunState, RunWorker } from "../runs/run-state.ts";
import { noMoves, type MovingSlots } from "../runs/slot-moves/moving-slots.ts";
import type { CutState } from "../runs/step-cuts.ts";
import type { Stamped } from "./records.ts";

export const workPrefix = "work/";
export const slotsPrefix = "slots/";
export const ledgerPrefix = "ledger/";
export const evaluationsPrefix = "evaluations/";
export const placementPrefix = "placement/";
export const seatsPrefix = "seats/";

/** Seats of one part, with their holders below a quarter of a value's limit. */
export const seatsAPart = 256;
/** Longest sentence on a worker that takes no further part. */
const excludedLength = 200;

/** member, incarnation, name, initial, started, alive, idle, enrolled revision, why it is excluded. */
type KeptWorker = readonly [number, number, string, boolean, boolean, boolean, boolean, number | null, string | null];

export interface WorkRecord extends Stamped {
  readonly startedAtMs: number | null;
  readonly trainingAtMs: number | null;
  readonly slots: number;
  readonly hostingTerm: number;
  readonly copies: number;
  readonly isSeated: boolean;
  /** Training samples that the plan is made of; null: no worker has loaded the data. */
  readonly samples: number | null;
  readonly dataSource: string;
  readonly revision: number;
  readonly servedRevision: number;
  readonly members: readonly number[];
  readonly initializer: number | null;
  readonly workers: readonly KeptWorker[];
  readonly servers: readonly (Holder & { readonly name: string })[];
  readonly finisher: Holder | null;
  readonly stepCuts: CutState | null;
  readonly fellBack: string | null;
  readonly notFinite: RunState["notFinite"];
  readonly lastFailure: SerializedError | null;
}

export interface SlotsRecord extends Stamped {
  readonly owners: readonly number[];
  /** Absent while slots lie still and have lost nothing. */
  readonly moves?: {
    readonly wanted: readonly number[];
    readonly asked: KeptMap<MovingSlots["asked"]>;
    readonly kept: KeptMap<MovingSlots["kept"]>;
    readonly afresh: KeptMap<MovingSlots["afresh"]>;
    /** Absent: nobody stood in for anybody. */
    readonly stoodIn?: KeptMap<MovingSlots["stoodIn"]>;
  };
}

/** The entries of a map. */
type KeptMap<M> = M extends ReadonlyMap<infer K, infer V> ? readonly (readonly [K, V])[] : never;

/** Ranges as begin, end, begin, end … */
type FlatRanges = readonly number[];

type KeptLease = Omit<Lease, "remaining"> & { readonly remaining: FlatRanges };

export interface LedgerRecord extends Stamped {
  readonly done: FlatRanges;
  readonly returned: FlatRanges;
  readonly leases: readonly KeptLease[];
}

export interface EvaluationsRecord extends Stamped {
  readonly log: EvaluationLog;
}

export interface PlacementRecord extends Stamped {
  /** shard, begin, end, shard, begin, end … */
  readonly ranges: readonly number[];
}

/** shard, term, primary, replicas, learners; holders by their place in the list. */
type KeptSeat = readonly [number, number, number, readonly number[], readonly number[]];

export interface SeatsRecord extends Stamped {
  readonly holders: readonly SeatHolder[];
  readonly seats: readonly KeptSeat[];
}

export function workRecord({ term }: ClusterState, run: RunState): WorkRecord {
  const { startedAtMs, trainingAtMs, slots, hostingTerm, copies, isSeated, dataSource } = run;
  const { stepCuts, notFinite, lastFailure } = run;
  const { revision, servedRevision, members, initializer } = run.roster;
  return {
    ...{ format: 1, term, startedAtMs, trainingAtMs, slots, hostingTerm, copies, isSeated, dataSource },
    samples: run.plan?.samples ?? null,
    ...{ revision, servedRevision, members, initializer },
    workers: [...run.workers.values()].map(keptWorker),
    servers: run.servers.map(({ member, incarnation, name }) => ({ member, incarnation, name })),
    finisher: run.finisher,
    ...{ stepCuts, notFinite, lastFailure },
    fellBack: run.guard.fellBack,
  };
}

export function keptWorker(worker: RunWorker): KeptWorker {
  const { member, incarnation, name, initial, started, alive, idle, enrolledRevision, excluded } = worker;
  const why = excluded === null ? null : excluded.slice(0, excludedLength);
  return [member, incarnation, name, initial, started, alive, idle, enrolledRevision, why];
}

export function slotsRecord({ term }: ClusterState, { roster, slotMoves }: RunState): SlotsRecord {
  const record: SlotsRecord = { format: 1, term, owners: roster.slotOwners };
  const { wanted, asked, kept, afresh, stoodIn } = slotMoves;
  if (wanted.length + asked.size + kept.size + afresh.size + stoodIn.size === 0) return record;
  const others = stoodIn.size === 0 ? {} : { stoodIn: [...stoodIn] };
  return { ...record, moves: { wanted, asked: [...asked], kept: [...kept], afresh: [...afresh], ...others } };
}

export function readMoves({ moves }: SlotsRecord): MovingSlots {
  if (moves === undefined) return noMoves;
  const { wanted, asked, kept, afresh, stoodIn = [] } = moves;
  const lost = { afresh: new Map(afresh), stoodIn: new Map(stoodIn) };
  return { ...noMoves, wanted, asked: new Map(asked), kept: new Map(kept), ...lost };
}

export function ledgerRecord({ term }: ClusterState, { ledger }: RunState): LedgerRecord {
  const leases = (ledger?.leases ?? []).map((lease) => ({
    ...lease,
    remaining: flat(lease.remaining),
  }));
  return { format: 1, term, done: flat(ledger?.done ?? []), returned: flat(ledger?.returned ?? []), leases };
}

export function evaluationsRecord({ term }: ClusterState, { evaluations }: RunState): EvaluationsRecord {
  return { format: 1, term, log: evaluations };
}

export function placementRecord({ term }: ClusterState, { placement }: RunState): PlacementRecord {
  const ranges = (placement?.shards ?? []).flatMap(({ shard, begin, end }) => [shard, begin, end]);
  return { format: 1, term, ranges };
}

/** The part of the seats that a shard belongs to. */
export function seatPart(shard: number): number {
  return Math.floor(shard / seatsAPart);
}

export function seatsRecord({ term }: ClusterState, { seats }: RunState, part: number): SeatsRecord {
  const listed = [...seats.values()].filter(({ shard }) => seatPart(shard) === part);
  const holders: SeatHolder[] = [];
  const places = new Map<string, number>();
  const placeOf = (holder: SeatHolder): number => {
    const key = `${holder.member}.${holder.incarnation}`;
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, holders.length);
    return holders.push(holder) - 1;
  };
  const kept = listed.map((seat): KeptSeat => {
    const { shard, primary, replicas, learners } = seat;
    return [shard, seat.term, placeOf(primary), replicas.map(placeOf), learners.map(placeOf)];
  });
  return { format: 1, term, holders, seats: kept };
}

/** @throws TypeError - a seat names a holder that is not listed */
export function readSeats({ holders, seats }: SeatsRecord): readonly ShardSeat[] {
  const holderAt = (place: number): SeatHolder => {
    const holder = holders[place];
    if (holder === undefined) throw new TypeError(`a stored seat names holder ${place} of ${holders.length}`);
    return holder;
  };
  return seats.map(([shard, term, primary, replicas, learners]) => ({
    ...{ shard, term, primary: holderAt(primary) },
    ...{ replicas: replicas.map(holderAt), learners: learners.map(holderAt) },
  }));
}

function flat(set: IntervalSet): FlatRanges {
  return set.flatMap(({ begin, end }) => [begin, end]);
}

export function unflat(ranges: FlatRanges): IntervalSet {
  return Array.from({ length: ranges.length / 2 }, (_, index) => ({
    begin: ranges[2 * index] ?? 0,
    end: ranges[2 * index + 1] ?? 0,
  }));
}
