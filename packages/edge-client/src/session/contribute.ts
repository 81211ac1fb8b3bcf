/** Sends what was trained, or what the other side lacks of it, until it is answered. */
import { ShoalError } from "@shoal/errors";
import {
  bytesPresent,
  chunkCount,
  chunkRange,
  isSentAtOnce,
  isComplete,
  missingChunks,
  readChunkSet,
  withChunk,
  type ContributionAnswer,
  type ContributionOffer,
} from "@shoal/federated";
import { controlOf } from "./load-control.ts";
import { window, type RoundOutcome, type RoundRoom } from "./round-room.ts";
import type { WorkRecord } from "./work-record.ts";

/** @throws ShoalError cancelled */
export async function contribute(room: RoundRoom, record: WorkRecord): Promise<RoundOutcome> {
  const { shelf, plane, signal, tell } = room;
  const { contribution, trace } = record;
  const content = await shelf.update();
  if (contribution === null || content === undefined) {
    throw new ShoalError("store_unavailable", "the update that was trained is not kept any more", {});
  }
  const atOnce = isSentAtOnce(contribution.content) ? content : null;
  for (;;) {
    const offered = { type: "offer_contribution", offer: contribution, trace, content: atOnce } as const;
    const reply = await plane.ask(offered, signal);
    if (reply.type !== "answered" && reply.type !== "send_chunks") return { kind: "let_go", reason: reasonOf(reply) };
    const answer = reply.type === "answered" ? reply.answer : await sendChunks(room, contribution, content, reply);
    // The other side has lost the upload meanwhile: offered again.
    if (answer === undefined) continue;
    tell({ type: "answered", round: record.offer.round, answer });
    if (answer.kind !== "come_back") {
      if (isTaken(answer)) await (await controlOf(room, record.offer))?.confirm();
      await shelf.write({ ...record, answer: isTaken(answer) ? "taken" : "refused" });
      return { kind: "answered", answer };
    }
    await plane.sleep(answer.comeBackAfterMs, signal);
  }
}

/** @returns undefined where all is there, or nobody awaits it any more */
export async function sendChunks(
  { plane, signal, tell }: RoundRoom,
  { id, content: manifest, round }: ContributionOffer,
  content: Uint8Array,
  asked: { readonly received: Uint8Array; readonly window: number },
): Promise<ContributionAnswer | undefined> {
  const chunks = chunkCount(manifest);
  const atATime = Math.max(1, Math.min(asked.window, window));
  let present = readChunkSet(chunks, asked.received);
  let answer: ContributionAnswer | undefined;
  let isGone = false;
  const sendOne = async (index: number): Promise<void> => {
    const { begin, end } = chunkRange(manifest, index);
    const reply = await plane.ask({ type: "put_chunk", id, index, content: content.subarray(begin, end) }, signal);
    if (reply.type === "answered") ({ answer } = reply);
    else if (reply.type === "chunk_kept") {
      present = withChunk(present, index);
      tell({ type: "uploading", round, bytes: bytesPresent(manifest, present), of: manifest.bytes });
    } else isGone = true;
  };
  while (!isComplete(present) && answer === undefined && !isGone) {
    await Promise.all(missingChunks(present, atATime).map(sendOne));
  }
  return answer;
}

function isTaken(answer: ContributionAnswer): boolean {
  return answer.kind === "accepted" || (answer.kind === "duplicate" && answer.accepted);
}

function reasonOf(reply: object): string {
  return "reason" in reply && typeof reply.reason === "string" ? reply.reason : "the aggregator does not want it";
}
