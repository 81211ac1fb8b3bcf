/**
 * A client's part of one round: answer, fetch, train, contribute. Each stage is written down before the next begins, so that
 * a client that was reloaded goes on where it was: what is fetched is not fetched again, what is trained not trained again.
 */
import {
  contributionId,
  describeVector,
  isPrivate,
  joinVectors,
  unsaid,
  type ContributionOffer,
  type RoundOffer,
} from "@shoal/federated";
import { agreedEncoding } from "./agreed-encoding.ts";
import { traceOf } from "./client-trace.ts";
import { contribute } from "./contribute.ts";
import { fetchValues, type FetchedVectors } from "./fetch-values.ts";
import { controlOf } from "./load-control.ts";
import type { LocalResult, LocalWork } from "./local-training.ts";
import type { ControlBegun } from "./own-control.ts";
import type { PrivacyAccount } from "./privacy-account.ts";
import type { RoundControl } from "./round-control.ts";
import type { RoundOutcome, RoundRoom } from "./round-room.ts";
import type { WorkRecord } from "./work-record.ts";

/**
 * Goes on from `record`.
 * @throws ShoalError cancelled - the round is over; privacy_budget_spent; out_of_memory; what the training threw
 */
export async function playRound(room: RoundRoom, record: WorkRecord): Promise<RoundOutcome> {
  if (record.contribution !== null) return contribute(room, record);
  const { round } = record.offer;
  if (room.task.local.batchSize === null) {
    // Nothing is answered or fetched before: a task that does not fit costs its round no time.
    const { checkDevice } = await import("./check-device.ts");
    checkDevice(room.task, room.trainer.samples, room.memoryBytes);
  }
  const { secure } = room.task.privacy;
  if (secure !== null) {
    // Most tasks do not mask: what that takes comes when it is asked for.
    const { playSecureRound } = await import("./secure/play-secure-round.ts");
    return playSecureRound(room, record, secure);
  }
  const beganMs = room.now();
  room.tell({ type: "offered", round });
  const account = await accountOf(room);
  await account?.check();
  const control = await controlOf(room, record.offer);
  const begun = await control?.begin();
  if (begun !== undefined && "comeBackAfterMs" in begun) return begun;
  const noted = await room.plane.ask({ type: "answer_offer", round, takesPart: true, reason: "" }, room.signal);
  if (noted.type !== "offer_noted" || !noted.isMember) {
    return { kind: "let_go", reason: "the round has others, or has begun" };
  }
  const vectors = await fetchValues(room, record.offer, noted.values);
  if (vectors === undefined) return { kind: "let_go", reason: "its values are not there any more" };
  const own = control && begun && { control, begun };
  const fetched = { ...vectors, own, account, beganMs, fetchedMs: room.now() };
  return contribute(room, await train(room, record, fetched));
}

/** Where this client adds noise of its own. Most do not: what it takes to count that comes with the first round. */
async function accountOf({ task, storage, privacyLimit: limit, tell }: RoundRoom): Promise<PrivacyAccount | undefined> {
  if (task.privacy.localNoise === 0) return undefined;
  const { createPrivacyAccount } = await import("./privacy-account.ts");
  return createPrivacyAccount({ task, storage, limit, tell });
}

interface Fetched extends FetchedVectors {
  /** This client's, with SCAFFOLD. */
  readonly own: { readonly control: RoundControl; readonly begun: ControlBegun } | undefined;
  /** Of what this client's noise leaves to be told; undefined: it adds none. */
  readonly account: PrivacyAccount | undefined;
  readonly beganMs: number;
  readonly fetchedMs: number;
}

async function train(room: RoundRoom, record: WorkRecord, fetched: Fetched): Promise<WorkRecord> {
  const { task, codec, shelf, client, unsent } = room;
  const { offer } = record;
  const { round } = offer;
  const { own } = fetched;
  const control = own && { own: own.begun.own, global: fetched.control ?? new Float32Array(task.size) };
  const result = await trainAttended(room, record, { values: fetched.values, control });
  const { update } = result;
  const leftOver = await unsent.before(round);
  const options = { draw: drawOf(offer), leftOver, plain: task.plain };
  const encoded = await codec.encode(agreedEncoding(task.up, offer.up), update, options);
  const changed = await own?.control.renew({ encoding: offer.up, draw: options.draw }, own.begun, result.controlChange);
  const content = joinVectors([encoded.content, ...(changed === undefined ? [] : [changed.content])]);
  const facts = { task: task.task, round, client, baseVersion: offer.version, ...saidOf(task, result) };
  const contribution: ContributionOffer = {
    ...{ id: contributionId(client, task.task, round), ...facts, encoding: offer.up },
    content: describeVector(content),
  };
  const said = isPrivate(task.privacy) ? {} : saidOf(task, result);
  const trace = traceOf(offer, fetched.beganMs, [
    { name: "download", endMs: fetched.fetchedMs, attributes: { encoding: offer.down } },
    { name: "train", endMs: room.now(), attributes: { ...said, encoding: offer.up } },
  ]);
  const trained: WorkRecord = { ...record, contribution, trace };
  // With the record the round counts as trained: everything else is kept before it.
  if (result.personal !== null) await room.personal.keep(round, result.personal);
  if (encoded.leftOver !== undefined) await unsent.keep(round, encoded.leftOver);
  if (changed !== undefined) await own?.control.keep(changed.left);
  await shelf.keepUpdate(content);
  await fetched.account?.spend();
  await shelf.write(trained);
  return trained;
}

/**
 * What a round's random choices follow from: its values, not its number. A step that is played again, because its round came
 * to nothing or the run went back to a snapshot, is the same step.
 */
function drawOf({ version }: RoundOffer): number {
  return version + 1;
}

/** Measures where that is wanted, and trains; says meanwhile that the client is there. */
export async function trainAttended(
  room: RoundRoom,
  { offer }: WorkRecord,
  { values, control }: Pick<LocalWork, "values" | "control">,
): Promise<LocalResult> {
  const { task, trainer, signal, tell, plane } = room;
  const { round, clip } = offer;
  const personal = task.local.personal.length === 0 ? undefined : await room.personal.before(round);
  const own = { values, personal: personal ?? null };
  if (offer.evaluates) {
    const measured = await trainer.evaluate(task, own);
    if (measured !== null) {
      tell({ type: "measured", round, loss: measured.loss, accuracy: measured.accuracy });
      await plane.ask({ type: "report_evaluation", round, ...measured }, signal);
    }
  }
  const trained = new AbortController();
  const attending = room.attend(AbortSignal.any([signal, trained.signal])).catch(() => undefined);
  try {
    return await trainer.train(task, {
      ...{ ...own, control, round, draw: drawOf(offer), local: task.local, clip, signal },
      onProgress: (progress) => tell({ type: "training", round, ...progress }),
    });
  } finally {
    trained.abort();
    await attending;
  }
}

/** What the client says of its data, where it says anything. */
function saidOf(
  { privacy }: RoundRoom["task"],
  { samples, steps, loss }: LocalResult,
): Pick<ContributionOffer, "samples" | "steps" | "loss"> {
  return isPrivate(privacy) ? unsaid : { samples, steps, loss };
}
