/**
 * A client's part of one round: answer, fetch, train, contribute. Each stage is written down before the next begins, so that
 * a client that was reloaded goes on where it was: what is fetched is not fetched again, what is trained not trained again.
 */
import { ShoalError } from "@shoal/errors";
import { contributionId, describeVector, type ClientTrace, type ContributionOffer } from "@shoal/federated";
import { agreedEncoding } from "./agreed-encoding.ts";
import { contribute } from "./contribute.ts";
import { fetchValues } from "./fetch-values.ts";
import type { LocalResult } from "./local-training.ts";
import type { RoundOutcome, RoundRoom } from "./round-room.ts";
import type { WorkRecord } from "./work-record.ts";

/** Goes on from `record`. @throws ShoalError cancelled - the round is over; what the training threw */
export async function playRound(room: RoundRoom, record: WorkRecord): Promise<RoundOutcome> {
  if (record.contribution !== null) return contribute(room, record);
  const { round } = record.offer;
  if (room.task.privacy.isSecure) {
    throw new ShoalError("invalid_argument", "this client does not mask its updates", { field: "privacy.isSecure" });
  }
  const beganMs = room.now();
  room.tell({ type: "offered", round });
  const noted = await room.plane.ask({ type: "answer_offer", round, takesPart: true, reason: "" }, room.signal);
  if (noted.type !== "offer_noted" || !noted.isMember) {
    return { kind: "let_go", reason: "the round has others, or has begun" };
  }
  const values = await fetchValues(room, record.offer, noted.values);
  if (values === undefined) return { kind: "let_go", reason: "its values are not there any more" };
  return contribute(room, await train(room, record, { values, beganMs, fetchedMs: room.now() }));
}

interface Fetched {
  readonly values: Float32Array;
  readonly beganMs: number;
  readonly fetchedMs: number;
}

async function train(room: RoundRoom, record: WorkRecord, fetched: Fetched): Promise<WorkRecord> {
  const { task, codec, shelf, client, unsent } = room;
  const { offer } = record;
  const { round } = offer;
  const result = await trainAttended(room, record, fetched.values);
  const { samples, steps, loss, update } = result;
  const leftOver = await unsent.before(round);
  const encoded = codec.encode(agreedEncoding(task.up, offer.up), update, { draw: round, leftOver, plain: task.plain });
  const facts = { task: task.task, round, client, baseVersion: offer.version, samples, steps, loss };
  const contribution: ContributionOffer = {
    ...{ id: contributionId(client, task.task, round), ...facts, encoding: offer.up },
    content: describeVector(encoded.content),
  };
  const trained: WorkRecord = { ...record, contribution, trace: traceOf(room, record, fetched, result) };
  // With the record the round counts as trained: everything else is kept before it.
  if (result.personal !== null) await room.personal.keep(round, result.personal);
  if (encoded.leftOver !== undefined) await unsent.keep(round, encoded.leftOver);
  await shelf.keepUpdate(encoded.content);
  await shelf.write(trained);
  return trained;
}

/** Measures where that is wanted, and trains; says meanwhile that the client is there. */
async function trainAttended(room: RoundRoom, { offer }: WorkRecord, values: Float32Array): Promise<LocalResult> {
  const { task, trainer, signal, tell, plane } = room;
  const { round, clip } = offer;
  const personal = task.local.personal.length === 0 ? undefined : await room.personal.before(round);
  const own = { values, personal: personal ?? null };
  if (offer.evaluates) {
    const measured = await trainer.evaluate(task, own);
    if (measured !== null) await plane.ask({ type: "report_evaluation", round, ...measured }, signal);
  }
  const trained = new AbortController();
  const attending = room.attend(AbortSignal.any([signal, trained.signal])).catch(() => undefined);
  try {
    return await trainer.train(task, {
      ...{ ...own, round, local: task.local, clip, signal },
      onProgress: (progress) => tell({ type: "training", round, ...progress }),
    });
  } finally {
    trained.abort();
    await attending;
  }
}

function traceOf(
  { now }: RoundRoom,
  { offer }: WorkRecord,
  { beganMs, fetchedMs }: Fetched,
  { samples, steps, loss }: LocalResult,
): ClientTrace | null {
  if (offer.traceparent === null) return null;
  const download = { name: "download", beginMs: 0, endMs: fetchedMs - beganMs, attributes: { encoding: offer.down } };
  const [beginMs, endMs] = [fetchedMs - beganMs, now() - beganMs];
  return {
    traceparent: offer.traceparent,
    spans: [download, { name: "train", beginMs, endMs, attributes: { samples, steps, loss, encoding: offer.up } }],
  };
}
