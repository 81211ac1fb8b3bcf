/** How rounds end, and how everybody hears of it: first the record, then the clients. */
import {
  contributionId,
  isEnded,
  isPrivate,
  nothingCarried,
  type AbandonedState,
  type CommittedState,
  type EndedState,
  type RoundStep,
} from "@shoal/federated";
import { attributes } from "@shoal/protocol";
import type { StoredContribution } from "../contributions/contribution-store.ts";
import { mostOutcomes, type Outcome } from "../keeper/task-record.ts";
import type { ChainedRound } from "../records/round-log.ts";
import { roundRecord } from "../records/round-record.ts";
import { drawSalt } from "../secrets.ts";
import type { Room } from "../serve/room.ts";
import { published, summaryOf, type RoundEndFacts } from "./round-summary.ts";
import type { Task } from "./task.ts";

/** A round that was to be committed for a step before `step` is in these values. */
export async function settleRound(task: Task, step: number, facts: RoundEndFacts): Promise<void> {
  const { keeper } = task.room;
  if (!isEnded(keeper.record.round) && keeper.record.step < step) {
    keeper.dispatch({ type: "committed", version: facts.version });
    if (!isEnded(keeper.record.round)) {
      keeper.adopt(abandon(task.room, "its step was taken without it"));
      countAfterAll(task.room);
    }
  }
  await tellRound(task, facts);
}

/** The aggregator before this one had its contributions, and handed them over. */
function countAfterAll({ control, keeper, task }: Room): void {
  const { number } = keeper.record.round;
  const clients = control?.countRound(number) ?? [];
  const outcomes = clients.map((client): Outcome => [contributionId(client, task, number), true, number]);
  if (clients.length > 0) keeper.amend({ outcomes: [...keeper.record.outcomes, ...outcomes].slice(-mostOutcomes) });
}

/** The values after the newest step are measured: it is in them. */
export async function evaluated(
  task: Task,
  parameters: Float32Array,
  result: { readonly accuracy: number; readonly loss: number },
): Promise<void> {
  const { room } = task;
  const { step, round } = room.keeper.record;
  const isOpen = !isEnded(round) && round.phase !== "committing";
  if (!isOpen) {
    // If they are the last, clients fetch them; otherwise the next round begins with them.
    const version = round.phase === "abandoned" ? step : step + 1;
    const next = round.number + 1;
    room.values.publish(next, version, parameters, room.control?.of(version));
    room.last.model = { round: next, version };
  }
  if (round.phase !== "committing") return;
  await settleRound(task, step + 1, { version: step + 1, parameters, result });
  await task.telling;
}

/** No round comes after this. */
export async function endRounds(task: Task, reason: string): Promise<void> {
  const { keeper } = task.room;
  if (!isEnded(keeper.record.round)) {
    await endRound(task, abandon(task.room, reason), { version: keeper.record.step, parameters: null, result: null });
  }
  await keeper.written();
  await task.telling;
  task.news.flush();
}

export async function endRound(task: Task, step: RoundStep, facts: RoundEndFacts): Promise<void> {
  const { keeper } = task.room;
  keeper.adopt(step);
  await tellRound(task, facts);
}

/**
 * Ends the open round though nothing in it asks for that; all who are in it may stop.
 * @param reason - all clients hear it: it names none of them
 */
export function abandon({ keeper, clock }: Room, reason: string): RoundStep {
  const { round } = keeper.record;
  const { number } = round;
  const carried = nothingCarried;
  const state: AbandonedState = { phase: "abandoned", number, atMs: clock.now(), reason, carried, isTorn: false };
  const clients = clientsIn(keeper.record.round);
  return { state, effects: clients.length === 0 ? [] : [{ type: "discard", clients, reason }], reason };
}

function clientsIn(round: Room["keeper"]["record"]["round"]): readonly string[] {
  if (isEnded(round)) return [];
  if (round.phase === "selecting") return [];
  const { members, reports } = round.phase === "committing" ? round.carried : round;
  return [...new Set([...members, ...reports].map(({ client }) => client))];
}

/**
 * Tells of the newest round, once, if it has ended: when that is in the store, with whatever else goes into the same write.
 */
export async function tellRound(task: Task, facts: RoundEndFacts): Promise<void> {
  const { room, options, log, news } = task;
  const { round, step } = room.keeper.record;
  if (!isEnded(round) || task.told >= round.number) return;
  task.told = round.number;
  const records: ChainedRound[] = [];
  const contributed = contributedTo(room, round);
  const ended = summaryOf(room, round, contributed, facts);
  if (log.newest < round.number) {
    const happened = room.timeline.now;
    const measuredByClients = room.evaluations.meanOf(round.number);
    const { ledger } = room.keeper.record.lasting;
    const salt = isPrivate(room.description.privacy) ? drawSalt() : undefined;
    const facts = {
      run: options.run,
      step,
      round,
      happened,
      summary: ended,
      contributed,
      measuredByClients,
      ledger,
      salt,
    };
    records.push(await log.append(roundRecord(facts)));
  }
  const summary = { ...ended, record: log.hashOf(round.number) };
  room.contributions.retain(round.carried.reports.map(({ contribution }) => contribution));
  const isSeen = facts.parameters !== null;
  task.telling = written(task).then((isWritten) => {
    if (!isWritten) return;
    for (const record of records) options.onRecord?.(record);
    traceEnds(task, contributed, facts.version);
    if (isSeen) news.tell(published(summary, room.settings));
    options.onRound?.(summary);
  });
}

/** The update is in the parameters, and everybody is about to hear of it. */
function traceEnds({ room, combinedAtMs }: Task, contributed: readonly StoredContribution[], version: number): void {
  const endMs = room.clock.now();
  const own = { [attributes.version]: version };
  for (const { offer } of contributed) {
    room.traces.worked(offer.client, offer.round, { name: "publish", beginMs: combinedAtMs, endMs, attributes: own });
    room.traces.ended(offer.client, offer.round, "committed", endMs);
  }
}

/** @returns false where this aggregator is not the one that tells any more */
function written({ room }: Task): Promise<boolean> {
  return room.keeper.written().then(
    () => true,
    () => false,
  );
}

function contributedTo({ contributions }: Room, round: EndedState): readonly StoredContribution[] {
  const isCommitted = (state: EndedState): state is CommittedState => state.phase === "committed";
  const ids = isCommitted(round) ? round.reports.map(({ contribution }) => contribution) : [];
  return contributions.accepted(ids.filter((id) => contributions.has(id)));
}
