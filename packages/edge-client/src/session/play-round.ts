/**
 * A client's part of one round: answer, fetch, train, contribute. Each stage is written down before the next begins, so that
 * a client that was reloaded goes on where it was: what is fetched is not fetched again, what is trained not trained again.
 */
import { ShoalError } from "@shoal/errors";
import {
  contributionId,
  describeVector,
  isPrivate,
  joinVectors,
  unsaid,
  type ClientTrace,
  type ContributionOffer,
  type RoundOffer,
} from "@shoal/federated";
import { agreedEncoding } from "./agreed-encoding.ts";
import { contribute } from "./contribute.ts";
import { decline } from "./decline.ts";
import { fetchValues, type FetchedVectors } from "./fetch-values.ts";
import type { LocalResult, LocalWork } from "./local-training.ts";
import type { ControlBegun } from "./own-control.ts";
import type { RoundOutcome, RoundRoom } from "./round-room.ts";
import type { WorkRecord } from "./work-record.ts";

/** Goes on from `record`. @throws ShoalError cancelled - the round is over; out_of_memory; what the training threw */
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
  const control = await beginControl(room, record.offer);
  if (control !== undefined && "comeBackAfterMs" in control) return control;
  const noted = await room.plane.ask({ type: "answer_offer", round, takesPart: true, reason: "" }, room.signal);
  if (noted.type !== "offer_noted" || !noted.isMember) {
    return { kind: "let_go", reason: "the round has others, or has begun" };
  }
  const vectors = await fetchValues(room, record.offer, noted.values);
  if (vectors === undefined) return { kind: "let_go", reason: "its values are not there any more" };
  return contribute(room, await train(room, record, { ...vectors, own: control, beganMs, fetchedMs: room.now() }));
}

const withoutControl = {
  too_far_back: "the run has gone back further than this client has kept its control variate",
  later_epoch:
    "this client's control variate began later than the run's, which has gone back before that, or is served by a machine whose " +
    "clock is behind",
};

interface Declined extends LetGo {
  readonly comeBackAfterMs: number;
}

type LetGo = Extract<RoundOutcome, { readonly kind: "let_go" }>;

/** SCAFFOLD: what this client's control is for this round; else undefined. A server that has no use for it is told. */
async function beginControl(room: RoundRoom, offer: RoundOffer): Promise<ControlBegun | Declined | undefined> {
  const { round, control } = offer;
  if (control === null) return undefined;
  const begun = await room.control.before({ round, control }, room.task.size);
  if (typeof begun === "object") return begun;
  const reason = withoutControl[begun];
  const refusal = { round, reason, lostControl: true } as const;
  return {
    ...{ kind: "let_go", reason },
    comeBackAfterMs: await decline(room.plane, refusal, room.signal),
  };
}

interface Fetched extends FetchedVectors {
  /** This client's, with SCAFFOLD. */
  readonly own: ControlBegun | undefined;
  readonly beganMs: number;
  readonly fetchedMs: number;
}

async function train(room: RoundRoom, record: WorkRecord, fetched: Fetched): Promise<WorkRecord> {
  const { task, codec, shelf, client, unsent } = room;
  const { offer } = record;
  const { round } = offer;
  const { own: begun } = fetched;
  const control = begun && { own: begun.own, global: fetched.control ?? new Float32Array(task.size) };
  const result = await trainAttended(room, record, { values: fetched.values, control });
  const { update } = result;
  const leftOver = await unsent.before(round);
  const options = { draw: drawOf(offer), leftOver, plain: task.plain };
  const encoded = await codec.encode(agreedEncoding(task.up, offer.up), update, options);
  const changed = begun === undefined ? undefined : await renewControl(room, offer, begun, result);
  const content = joinVectors([encoded.content, ...(changed === undefined ? [] : [changed.content])]);
  const facts = { task: task.task, round, client, baseVersion: offer.version, ...saidOf(task, result) };
  const contribution: ContributionOffer = {
    ...{ id: contributionId(client, task.task, round), ...facts, encoding: offer.up },
    content: describeVector(content),
  };
  const trained: WorkRecord = { ...record, contribution, trace: traceOf(room, record, fetched, result) };
  // With the record the round counts as trained: everything else is kept before it.
  if (result.personal !== null) await room.personal.keep(round, result.personal);
  if (encoded.leftOver !== undefined) await unsent.keep(round, encoded.leftOver);
  if (changed !== undefined && offer.control !== null) {
    await room.control.keep({ round, control: offer.control }, changed.left);
  }
  await shelf.keepUpdate(content);
  await shelf.write(trained);
  return trained;
}

/** SCAFFOLD: the change of the client's control goes with its update, in the same encoding. */
async function renewControl(
  { codec, task }: RoundRoom,
  offer: RoundOffer,
  { own, unsent }: ControlBegun,
  { controlChange }: LocalResult,
): Promise<{ readonly content: Uint8Array; readonly left: ControlBegun }> {
  if (controlChange?.length !== task.size) {
    throw new ShoalError("invalid_argument", "this trainer has no control variates", { field: "local.correction" });
  }
  const options = { draw: drawOf(offer), leftOver: unsent, plain: task.plain };
  const { content, leftOver } = await codec.encode(agreedEncoding(task.up, offer.up), controlChange, options);
  const renewed = own.map((value, key) => value + (controlChange[key] ?? 0));
  return { content, left: { own: renewed, unsent: leftOver ?? new Float32Array(task.size) } };
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

function traceOf(
  { now, task }: RoundRoom,
  { offer }: WorkRecord,
  { beganMs, fetchedMs }: Fetched,
  result: LocalResult,
): ClientTrace | null {
  if (offer.traceparent === null) return null;
  const download = { name: "download", beginMs: 0, endMs: fetchedMs - beganMs, attributes: { encoding: offer.down } };
  const [beginMs, endMs] = [fetchedMs - beganMs, now() - beganMs];
  return {
    traceparent: offer.traceparent,
    spans: [download, { name: "train", beginMs, endMs, attributes: { ...saidOf(task, result), encoding: offer.up } }],
  };
}
