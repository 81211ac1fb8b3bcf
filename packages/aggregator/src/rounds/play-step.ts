/** Plays rounds for one step of the run, until one can be committed. */
import { counted, isShoalError } from "@shoal/errors";
import { isEnded, isPrivate, type Report } from "@shoal/federated";
import { attributes } from "@shoal/protocol";
import type { Aggregated, AggregatorWork } from "../aggregator.ts";
import { checkSpent } from "../begin-task.ts";
import { goBack } from "../carry/go-back.ts";
import { combineRound, type Combined } from "../commit/combine-round.ts";
import type { Room } from "../serve/room.ts";
import { beginRound } from "./begin-round.ts";
import { abandon, endRound, settleRound, tellRound } from "./end-round.ts";
import { payAhead } from "./contribution-privacy.ts";
import { afterOneMore, payForUpdate } from "./privacy-ledger.ts";
import { loseContributions } from "./take-over.ts";
import type { Task } from "./task.ts";
import { waitForClients } from "./wait-for-clients.ts";

export async function playStep(task: Task, work: AggregatorWork): Promise<Aggregated> {
  const { room, signals } = task;
  const { keeper } = room;
  const { version, parameters } = work;
  if (!task.isRepeated) await repeatLast(task);
  checkSpent(keeper.record, work.step, task.options.run);
  // Before the last round is told: then it can be told with what the final values come to.
  if (isEnded(keeper.record.round) || keeper.record.step !== work.step) afterOneMore(room);
  await settleRound(task, work.step, { version, parameters, result: null });
  await leaveOtherStep(task, work);
  await goBack(task, work.step);
  await goOn(task, work);
  for (;;) {
    if (isEnded(keeper.record.round)) {
      afterOneMore(room);
      await waitForClients(task);
      signals.forget();
      await prepareControl(room, work);
      await payAhead(room);
      await room.account.number(keeper.record.round.number + 1);
      beginRound(room, work);
    }
    const end = await signals.next();
    if (end.kind === "ended") {
      await tellRound(task, { version, parameters, result: null });
      // Whom it has let go may be in the next one, and who was silent may not.
      await keeper.written();
      continue;
    }
    const { number: round } = keeper.record.round;
    const combined = await tryToCombine(task, end.reports, work);
    if (combined === undefined) continue;
    note(task, round, combined);
    return { ...combined, round };
  }
}

/** A log on a disk may lack what the aggregator before this one wrote last. */
async function repeatLast(task: Task): Promise<void> {
  const record = await task.log.last();
  if (record !== undefined) task.options.onRecord?.(record);
  task.isRepeated = true;
}

/** The open round is for this step: its clients fetch these values, and what was to be committed still is. */
async function goOn(task: Task, work: AggregatorWork): Promise<void> {
  const { room, signals } = task;
  const { round } = room.keeper.record;
  const { version, parameters } = work;
  if (isEnded(round)) return;
  if (room.control !== undefined && !(await room.control.find(version))) {
    const lost = abandon(room, "the control variate of its values is lost");
    await endRound(task, lost, { version, parameters, result: null });
    return;
  }
  room.values.publish(round.number, version, parameters, room.control?.of(version));
  if (round.phase === "committing") signals.commit(round.reports);
}

/** Of the values that the next round begins with; where it is not to be had, all begin at zero again. */
async function prepareControl({ control }: Room, { version }: AggregatorWork): Promise<void> {
  if (control === undefined || (await control.find(version))) return;
  control.begin(version);
}

/** The run has gone back, to a snapshot or with a shard that had lost its newest updates: the round was for nothing. */
async function leaveOtherStep(task: Task, { step, version, parameters }: AggregatorWork): Promise<void> {
  const { keeper } = task.room;
  if (isEnded(keeper.record.round) || keeper.record.step === step) return;
  await endRound(task, abandon(task.room, `the run has gone to step ${step}`), { version, parameters, result: null });
}

/** @returns undefined where the round goes on, or has ended for nothing */
async function tryToCombine(
  task: Task,
  reports: readonly Report[],
  work: AggregatorWork,
): Promise<Combined | undefined> {
  const { room } = task;
  const ids = reports.map(({ contribution }) => contribution);
  if (room.secure !== null && room.secure.meanOf(room.keeper.record.round.number) === undefined) {
    const lost = abandon(room, "its secure sum was lost with its aggregator");
    await endRound(task, lost, { version: work.version, parameters: work.parameters, result: null });
    return undefined;
  }
  if (!ids.every((id) => room.contributions.has(id))) {
    loseContributions(room);
    return undefined;
  }
  // A secure sum was paid for before its masks came off.
  if (room.secure === null) await payForUpdate(room);
  const { version, parameters } = work;
  const beginMs = room.clock.now();
  const combined = await combinedOrReason(room, ids, work);
  task.combinedAtMs = room.clock.now();
  for (const { client, sinceRound } of reports) {
    const own = {
      [attributes.version]: version,
      [attributes.outcome]: typeof combined === "string" ? combined : "added",
    };
    room.traces.worked(client, sinceRound, { name: "aggregate", beginMs, endMs: task.combinedAtMs, attributes: own });
  }
  if (typeof combined !== "string") return combined;
  await endRound(task, abandon(room, combined), { version, parameters, result: null });
  return undefined;
}

/** @returns why the contributions make no update, without names */
async function combinedOrReason(room: Room, ids: readonly string[], work: AggregatorWork): Promise<Combined | string> {
  const { plan } = room.settings;
  try {
    const combined = await combineRound(room, room.contributions.accepted(ids), work);
    const needed = plan.arrival === "round" ? plan.minimum : 1;
    if (combined.contributions >= needed) return combined;
    // All clients hear why a round has ended: names of others are for its record.
    for (const { client, reason } of combined.refused) room.timeline.dropped(client, reason, room.clock.now());
    return `${counted(combined.contributions, "contribution")} could be used, at least ${counted(needed, "is", "are")} needed`;
  } catch (error) {
    if (isShoalError(error, "too_few_clients")) return error.message;
    throw error;
  }
}

function note({ options }: Task, round: number, { contributions, samples, refused }: Combined): void {
  const without = refused.map(({ client, reason }) => `; without ${client}: ${reason}`).join("");
  // Where something is promised of clients' privacy, nobody knows how many samples made their updates.
  const size = isPrivate(options.description.privacy) ? "" : `, ${counted(samples, "sample")}`;
  options.onNote?.(`round ${round}: ${counted(contributions, "contribution")}${size}${without}`);
}
