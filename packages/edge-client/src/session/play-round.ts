/**
 * A client's part of one round: answer, fetch, train, contribute. Each stage is written down before the next begins, so that
 * a client that was reloaded goes on where it was: what is fetched is not fetched again, what is trained not trained again.
 */
import { ShoalError } from "@shoal/errors";
import {
  chunkCount,
  chunkRange,
  contributionId,
  describeVector,
  emptyChunkSet,
  isChunk,
  isTransferred,
  nextChunks,
  readChunkSet,
  settleChunk,
  startTransfer,
  type ChunkSet,
  type ContributionAnswer,
  type ContributionOffer,
  type TaskDescription,
  type Transfer,
  type VectorManifest,
} from "@shoal/federated";
import type { LocalTrainer, UpdateCodec } from "./local-training.ts";
import type { PatientPlane } from "./patient-plane.ts";
import type { SessionEvent } from "./session-event.ts";
import type { WorkRecord, WorkShelf } from "./work-record.ts";

export interface RoundRoom {
  readonly client: string;
  readonly task: TaskDescription;
  readonly plane: PatientPlane;
  readonly shelf: WorkShelf;
  readonly trainer: LocalTrainer;
  readonly codec: UpdateCodec;
  readonly now: () => number;
  readonly tell: (event: SessionEvent) => void;
  /** Raised when nothing more is wanted of this round. */
  readonly signal: AbortSignal;
}

/** How a round ended for this client. */
export type RoundOutcome =
  | { readonly kind: "answered"; readonly answer: ContributionAnswer }
  /** It is not in the round any more. */
  | { readonly kind: "let_go"; readonly reason: string };

/** Chunks under way: a browser's socket takes whatever it is given, and what it holds is lost with the page. */
const window = 4;
const retry = { retryAfterMs: 10_000, mostRetryMs: 60_000 };

/** Goes on from `record`. @throws ShoalError cancelled - the round is over; what the training threw */
export async function playRound(room: RoundRoom, record: WorkRecord): Promise<RoundOutcome> {
  if (record.contribution === null) {
    const reason = await takePart(room, record);
    if (reason !== undefined) return { kind: "let_go", reason };
    const values = await fetchValues(room, record);
    if (values === undefined) return { kind: "let_go", reason: "its values are not there any more" };
    return contribute(room, await train(room, record, values));
  }
  return contribute(room, record);
}

/** @returns why it does not, undefined when it does */
async function takePart({ plane, signal, tell }: RoundRoom, { offer }: WorkRecord): Promise<string | undefined> {
  const { round } = offer;
  tell({ type: "offered", round });
  const reply = await plane.ask({ type: "answer_offer", round, takesPart: true, reason: "" }, signal);
  if (reply.type === "offer_noted" && reply.isMember) return undefined;
  return "the round has others, or has begun";
}

async function fetchValues(room: RoundRoom, record: WorkRecord): Promise<Float32Array | undefined> {
  const { plane, signal, shelf, codec, task } = room;
  const { offer } = record;
  const reply = await plane.ask({ type: "fetch_manifest", round: offer.round, encoding: offer.down }, signal);
  if (reply.type !== "manifest") return undefined;
  const { manifest } = reply;
  const known = record.download?.manifest.hash === manifest.hash ? record.download.settled : new Uint8Array();
  const content = await fetchChunks(room, record, manifest, readChunkSet(chunkCount(manifest), known));
  if (content === undefined) return undefined;
  await shelf.write({ ...record, download: { manifest, settled: new Uint8Array() } });
  return codec.decode(offer.down, content, task.size);
}

async function fetchChunks(
  { shelf, plane, signal, tell, now }: RoundRoom,
  record: WorkRecord,
  manifest: VectorManifest,
  settled: ChunkSet,
): Promise<Uint8Array | undefined> {
  const content = new Uint8Array(manifest.bytes);
  let transfer = await restore({ shelf, manifest, content, settled });
  let isGone = false;
  const fetchOne = async (index: number): Promise<void> => {
    const reply = await plane.ask({ type: "fetch_chunk", hash: manifest.hash, index }, signal);
    if (reply.type !== "chunk") isGone = true;
    else if (isChunk(manifest, index, reply.content)) {
      content.set(reply.content, chunkRange(manifest, index).begin);
      await shelf.keepChunk(index, reply.content);
      transfer = settleChunk(transfer, index);
      await shelf.write({ ...record, download: { manifest, settled: transfer.settled.bits } });
      tell({ type: "downloading", bytes: chunkRange(manifest, index).end, of: manifest.bytes });
    }
  };
  while (!isTransferred(transfer) && !isGone) {
    const step = nextChunks(startTransfer(transfer.plan, transfer.settled), now());
    await Promise.all(step.indexes.map(fetchOne));
  }
  return isGone ? undefined : content;
}

/** What was kept of an earlier attempt is used again, if it is what it should be. */
async function restore(from: {
  readonly shelf: WorkShelf;
  readonly manifest: VectorManifest;
  readonly content: Uint8Array;
  readonly settled: ChunkSet;
}): Promise<Transfer> {
  const { shelf, manifest, content, settled } = from;
  const chunks = chunkCount(manifest);
  let transfer = startTransfer({ chunks, window, ...retry }, emptyChunkSet(chunks));
  for (let index = 0; index < settled.count; index += 1) {
    const kept = await shelf.chunk(index);
    if (kept === undefined || !isChunk(manifest, index, kept)) continue;
    content.set(kept, chunkRange(manifest, index).begin);
    transfer = settleChunk(transfer, index);
  }
  return transfer;
}

async function train(room: RoundRoom, record: WorkRecord, values: Float32Array): Promise<WorkRecord> {
  const { task, trainer, codec, shelf, client, signal, tell, plane } = room;
  const { offer } = record;
  const { round, clip } = offer;
  if (offer.evaluates) {
    const measured = await trainer.evaluate(task, values);
    if (measured !== null) await plane.ask({ type: "report_evaluation", round, ...measured }, signal);
  }
  const result = await trainer.train(task, {
    ...{ values, round, local: task.local, clip, signal },
    onProgress: (progress) => tell({ type: "training", round, ...progress }),
  });
  const { samples, steps, loss, update } = result;
  const content = codec.encode(offer.up, update, round);
  const id = contributionId(client, task.task, round);
  const facts = { id, task: task.task, round, client, baseVersion: offer.version, samples, steps, loss };
  const contribution: ContributionOffer = { ...facts, encoding: offer.up, content: describeVector(content) };
  await shelf.keepUpdate(content);
  const trained: WorkRecord = { ...record, download: null, contribution };
  await shelf.write(trained);
  return trained;
}

/** Sends what was trained, or what the other side lacks of it. */
async function contribute(room: RoundRoom, record: WorkRecord): Promise<RoundOutcome> {
  const { shelf, plane, signal } = room;
  const { contribution } = record;
  const content = await shelf.update();
  if (contribution === null || content === undefined) {
    throw new ShoalError("internal", "the record names an update that is not kept");
  }
  for (;;) {
    const reply = await plane.ask({ type: "offer_contribution", offer: contribution, trace: null }, signal);
    if (reply.type === "answered") return answered(room, record, reply.answer);
    if (reply.type !== "send_chunks") return { kind: "let_go", reason: reasonOf(reply) };
    const answer = await sendChunks(room, contribution, content, reply);
    if (answer !== undefined) return answered(room, record, answer);
    // The other side has lost the upload meanwhile: offered again.
  }
}

async function sendChunks(
  { plane, signal, tell }: RoundRoom,
  { id, content: manifest, round }: ContributionOffer,
  content: Uint8Array,
  asked: { readonly received: Uint8Array; readonly window: number },
): Promise<ContributionAnswer | undefined> {
  const chunks = chunkCount(manifest);
  const plan = { chunks, window: Math.max(1, Math.min(asked.window, window)), ...retry };
  let transfer = startTransfer(plan, readChunkSet(chunks, asked.received));
  let answer: ContributionAnswer | undefined;
  let isGone = false;
  const sendOne = async (index: number): Promise<void> => {
    const { begin, end } = chunkRange(manifest, index);
    const reply = await plane.ask({ type: "put_chunk", id, index, content: content.subarray(begin, end) }, signal);
    if (reply.type === "answered") ({ answer } = reply);
    else if (reply.type === "chunk_kept") {
      transfer = settleChunk(transfer, index);
      tell({ type: "uploading", round, bytes: end, of: manifest.bytes });
    } else isGone = true;
  };
  while (!isTransferred(transfer) && answer === undefined && !isGone) {
    const step = nextChunks(startTransfer(plan, transfer.settled), 0);
    await Promise.all(step.indexes.map(sendOne));
  }
  return answer;
}

async function answered(
  { shelf, tell }: RoundRoom,
  record: WorkRecord,
  answer: ContributionAnswer,
): Promise<RoundOutcome> {
  await shelf.write({ ...record, isAnswered: true });
  tell({ type: "answered", round: record.offer.round, answer });
  return { kind: "answered", answer };
}

function reasonOf(reply: object): string {
  return "reason" in reply && typeof reply.reason === "string" ? reply.reason : "the aggregator does not want it";
}
