/** Rebuilds a run that had started from what the last coordinator kept of it. */
import { createEpochPlan, layoutOf, parseModelSpec } from "@shoal/models";
import { batchParts, type Placement, type ShardPlacement, type ShardSeat } from "@shoal/protocol";
import { newGuard } from "../guard/guard-state.ts";
import { complete, createLedger, type Ledger } from "../leases/ledger.ts";
import { subtractSet } from "../leases/interval-set.ts";
import { encodedPart } from "../placement/encoded-part.ts";
import { decideStop } from "../runs/evaluation-log.ts";
import { samplesIn } from "../runs/progress.ts";
import { isSynchronous, type RunState, type RunWorker } from "../runs/run-state.ts";
import { newWorker, shardsOfPlacement } from "../runs/start-run.ts";
import { newRunServer, placementOf, withSeatedServers } from "../seats/run-seats.ts";
import { readFigures, type FiguresRecord } from "./kept-figures.ts";
import {
  readMoves,
  readSeats,
  unflat,
  type EvaluationsRecord,
  type LedgerRecord,
  type PlacementRecord,
  type SeatsRecord,
  type SlotsRecord,
  type WorkRecord,
} from "./run-records.ts";

/** The records of one run; undefined where none is stored. */
export interface StartedRecords {
  readonly work: WorkRecord | undefined;
  readonly slots: SlotsRecord | undefined;
  readonly ledger: LedgerRecord | undefined;
  readonly evaluations: EvaluationsRecord | undefined;
  readonly figures: FiguresRecord | undefined;
  readonly placement: PlacementRecord | undefined;
  readonly seats: readonly SeatsRecord[];
}

/**
 * What servers and workers have confirmed is not kept: they are told again, which changes nothing for them.
 *
 * @throws TypeError, RangeError - the records do not fit together
 */
export function readStarted(run: RunState, records: StartedRecords, now: number): RunState {
  const { work } = records;
  if (work === undefined) return { ...run, orphaned: true };
  const plan = work.samples === null ? null : planOf(run, work.slots, work.samples);
  const ledger = plan === null ? null : readLedger(plan.totalBatches, records.ledger);
  const { startedAtMs, trainingAtMs, slots, hostingTerm, copies, isSeated, dataSource } = work;
  const { finisher, stepCuts, notFinite, lastFailure } = work;
  const { revision, servedRevision, members, initializer } = work;
  const started: RunState = {
    ...run,
    ...{ startedAtMs, trainingAtMs, slots, hostingTerm, copies, isSeated, dataSource },
    ...{ finisher, stepCuts, notFinite, lastFailure },
    ...{ plan, ledger, progressAtMs: now },
    ...readShards(run, records, hostingTerm),
    roster: { revision: revision + 1, servedRevision, members, initializer, slotOwners: records.slots?.owners ?? [] },
    slotMoves: records.slots === undefined ? run.slotMoves : readMoves(records.slots),
    workers: new Map(work.workers.map((kept) => [kept[0], readWorker(kept)])),
    servers: work.servers.map((server) => ({ ...newRunServer(server), invitedRevision: 0 })),
    evaluations: records.evaluations?.log ?? run.evaluations,
    guard: { ...newGuard, fellBack: work.fellBack },
  };
  const counted = { ...started, samplesDone: ledger === null ? 0 : samplesIn(started, ledger.done) };
  return catchUp(withSeatedServers(readFigures(counted, records.figures)));
}

/** The phase is written last: what else is known may stand for a later one. */
function catchUp(run: RunState): RunState {
  const begun: RunState = run.phase === "starting" && run.plan !== null ? { ...run, phase: "training" } : run;
  if (begun.phase !== "training") return begun;
  const decision = decideStop(begun.job.stop, begun.evaluations);
  return decision.kind === "stop" ? { ...begun, phase: "finishing", reason: decision.reason } : begun;
}

function planOf(run: RunState, slots: number, samples: number): NonNullable<RunState["plan"]> {
  const { epochs } = run.job;
  return createEpochPlan({
    samples,
    batchSize: batchParts(run.job).samples,
    slots: isSynchronous(run) ? slots : 1,
    epochs,
  });
}

/** Leases of members that are gone end when their loss is found out, as any other's. */
function readLedger(total: number, record: LedgerRecord | undefined): Ledger {
  const { ledger } = complete(createLedger(total), unflat(record?.done ?? []));
  const leases = (record?.leases ?? []).map((lease) => ({ ...lease, remaining: unflat(lease.remaining) }));
  const free = leases.reduce((rest, { remaining }) => subtractSet(rest, remaining), ledger.free);
  return { ...ledger, free, returned: unflat(record?.returned ?? []), leases };
}

function readShards(
  run: RunState,
  records: StartedRecords,
  hostingTerm: number,
): Pick<RunState, "placement" | "treatments" | "assignments" | "seats" | "seatTerm"> {
  const seats = new Map<number, ShardSeat>(records.seats.flatMap(readSeats).map((seat) => [seat.shard, seat]));
  const layout = layoutOf(parseModelSpec(run.job.model));
  const ranges = records.placement?.ranges ?? [];
  const shards = Array.from({ length: ranges.length / 3 }, (_, index): ShardPlacement => {
    const [shard = 0, begin = 0, end = 0] = ranges.slice(3 * index, 3 * index + 3);
    const primary = seats.get(shard)?.primary;
    const range = { shard, begin, end, node: primary?.node ?? "", endpoint: primary?.endpoint ?? "" };
    return { ...range, ...encodedPart(run.job, layout, { begin, end }) };
  });
  const seatTerm = [...seats.values()].reduce((newest, { term }) => Math.max(newest, term), hostingTerm);
  const placement: Placement = placementOf({ term: seatTerm, shards }, seats, seatTerm);
  return { ...shardsOfPlacement(run, placement), seats, seatTerm };
}

function readWorker(kept: WorkRecord["workers"][number]): RunWorker {
  const [member, incarnation, name, initial, started, alive, idle, enrolledRevision, excluded] = kept;
  const fresh = newWorker({ member, incarnation, name }, initial);
  return { ...fresh, started, alive, idle, enrolledRevision, excluded, invitedRevision: 0 };
}
