/**
 * A federated client that trains nothing: it contributes half of the way from the values to a target of its own. It is as
 * patient as a real one: what is not answered is asked again, and what was lost is sent again.
 */
import type { Clock, Timer } from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import {
  chunkCount,
  chunkRange,
  contributionId,
  describeVector,
  hasChunk,
  isSentAtOnce,
  readChunkSet,
  type ClientPlane,
  type ClientReply,
  type ClientRequest,
  type ClientTrace,
  type ContributionAnswer,
  type Device,
  type RoundOffer,
  type VectorManifest,
  type WholeVector,
} from "@shoal/federated";

export interface PlayedClientOptions {
  readonly name: string;
  readonly task: string;
  readonly plane: ClientPlane;
  readonly clock: Clock;
  readonly target: Float32Array;
  /** Milliseconds that its training takes. */
  readonly trainMs?: number;
  readonly samples?: number;
  /** What it makes of an honest update. */
  readonly bend?: (update: Float32Array) => Float32Array;
  /** Takes and sends all of a small model at once, as a real client does; by default in chunks. */
  readonly atOnce?: boolean;
  /** Whether it vanishes before it sends this chunk; it is back after `awayMs`. */
  readonly vanishes?: (round: number, chunk: number) => boolean;
  /** Whether it says no to an offer, or yes and then that its training has failed. */
  readonly declines?: (round: number) => "offer" | "training" | undefined;
  readonly awayMs?: number;
}

export interface PlayedClient {
  readonly answers: readonly ContributionAnswer[];
  /** Rounds that it took part in. */
  readonly rounds: readonly number[];
  /** Rounds that it declined. */
  readonly declined: readonly number[];
  /** Settles with its first check-in, or the first attempt at it. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Says goodbye, and stops. */
  leave(): Promise<void>;
}

const timeoutMs = 1_000;
/** Wait before a request is repeated. */
const patienceMs = 100;
/** After a round that came to nothing, where it is not told to wait longer. */
const failureRestMs = 1_000;
const device: Device = { memoryBytes: 1e9, samples: 10, testSamples: 0, encodings: ["float32"], platform: "node" };

interface Made {
  readonly update: Float32Array;
  readonly version: number;
  readonly trace: ClientTrace | null;
}

interface Sending {
  readonly round: number;
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly content: VectorManifest;
}

export function createPlayedClient(options: PlayedClientOptions): PlayedClient {
  const { plane, clock, name, task, target, trainMs = 10, samples = 10, bend = (update) => update } = options;
  const { atOnce = false, vanishes = () => false, awayMs = 1_000, declines = () => undefined } = options;
  const answers: ContributionAnswer[] = [];
  const rounds: number[] = [];
  const declined: number[] = [];
  const made = new Map<number, Made>();
  /** Rounds that it is busy with. */
  const busy = new Set<number>();
  let isStopped = false;
  let isAway = false;
  const next: { timer: Timer | undefined } = { timer: undefined };

  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, () => resolve()));

  async function ask(request: ClientRequest): Promise<ClientReply> {
    for (;;) {
      if (isStopped || isAway) throw new Error(`${name} is away`);
      try {
        return await plane.request(request, timeoutMs);
      } catch (error) {
        const isPassing = (["deadline_exceeded", "transport_lost", "cancelled", "stale_term"] as const).some((code) =>
          isShoalError(error, code),
        );
        if (!isPassing) throw error;
      }
      await sleep(patienceMs);
    }
  }

  async function take(offer: RoundOffer): Promise<void> {
    const { round } = offer;
    if (isStopped || isAway || busy.has(round)) return;
    busy.add(round);
    try {
      const how = declines(round);
      if (how === "offer") return await decline(round, "its user said no");
      const noted = await ask({ type: "answer_offer", round, takesPart: true, reason: "" });
      if (noted.type !== "offer_noted" || !noted.isMember) return;
      if (!rounds.includes(round)) rounds.push(round);
      if (how === "training") return await decline(round, "the training fails");
      if (!made.has(round)) await train(offer, atOnce ? noted.values : null);
      await contribute(round);
    } finally {
      busy.delete(round);
    }
  }

  async function decline(round: number, reason: string): Promise<void> {
    declined.push(round);
    const noted = await ask({ type: "answer_offer", round, takesPart: false, reason });
    const { comeBackAfterMs = 0 } = noted.type === "offer_noted" ? noted : {};
    comeBackIn(Math.max(failureRestMs, comeBackAfterMs));
  }

  async function train(offer: RoundOffer, given: WholeVector | null): Promise<void> {
    const { round, version, down, traceparent } = offer;
    const heardAtMs = clock.now();
    const values = given === null ? await download(round, down) : new Float32Array(given.content.slice().buffer);
    const fetchedMs = clock.now() - heardAtMs;
    await sleep(trainMs);
    if (values === undefined) return;
    // A plain loop: `Float32Array.from` with a function iterates, which takes milliseconds.
    const honest = new Float32Array(values.length);
    for (let key = 0; key < values.length; key += 1) honest[key] = ((target[key] ?? 0) - (values[key] ?? 0)) / 2;
    const spans = [
      { name: "download", beginMs: 0, endMs: fetchedMs, attributes: {} },
      { name: "train", beginMs: fetchedMs, endMs: clock.now() - heardAtMs, attributes: { samples } },
    ];
    const trace = traceparent === null ? null : { traceparent, spans };
    made.set(round, { update: bend(honest), version, trace });
    for (const old of [...made.keys()].slice(0, -2)) made.delete(old);
  }

  async function download(round: number, encoding: string): Promise<Float32Array | undefined> {
    const reply = await ask({ type: "fetch_manifest", round, encoding });
    if (reply.type !== "manifest") return undefined;
    const { manifest } = reply;
    const content = new Uint8Array(manifest.bytes);
    for (let index = 0; index < chunkCount(manifest); index += 1) {
      const chunk = await ask({ type: "fetch_chunk", hash: manifest.hash, index });
      if (chunk.type !== "chunk") return undefined;
      content.set(chunk.content, chunkRange(manifest, index).begin);
    }
    return new Float32Array(content.buffer);
  }

  async function contribute(round: number): Promise<void> {
    const { update, version, trace = null } = made.get(round) ?? {};
    if (update === undefined || version === undefined) return;
    const bytes = new Uint8Array(update.buffer);
    const content = describeVector(bytes);
    const id = contributionId(name, task, round);
    const facts = { client: name, baseVersion: version, samples, steps: 1, loss: 1, encoding: "float32" };
    const offer = { id, task, round, ...facts, content };
    for (;;) {
      const whole = atOnce && isSentAtOnce(content) ? bytes : null;
      const reply = await ask({ type: "offer_contribution", offer, trace, content: whole });
      if (reply.type === "answered") return hearAnswer(reply.answer);
      if (reply.type !== "send_chunks") return;
      const answer = await send({ round, id, bytes, content }, readChunkSet(chunkCount(content), reply.received));
      if (answer !== undefined) return hearAnswer(answer);
    }
  }

  /** Who is not in the round any more says that it is there all the same. */
  function hearAnswer(answer: ContributionAnswer): void {
    answers.push(answer);
    if (answer.kind === "rejected" || answer.kind === "stale") patiently(checkIn());
  }

  /** @returns undefined when the upload has been lost on the other side */
  async function send(
    { round, id, bytes, content }: Sending,
    received: ReturnType<typeof readChunkSet>,
  ): Promise<ContributionAnswer | undefined> {
    for (let index = 0; index < received.count; index += 1) {
      if (hasChunk(received, index)) continue;
      if (vanishes(round, index)) vanish();
      const { begin, end } = chunkRange(content, index);
      const kept = await ask({ type: "put_chunk", id, index, content: bytes.subarray(begin, end) });
      if (kept.type === "answered") return kept.answer;
      if (kept.type !== "chunk_kept") return undefined;
    }
    return undefined;
  }

  function vanish(): void {
    isAway = true;
    clock.after(awayMs, () => {
      isAway = false;
      patiently(checkIn());
    });
  }

  /** Repeated as seldom as the aggregator wants: notices may be lost. */
  async function checkIn(): Promise<void> {
    next.timer?.cancel();
    const reply = await ask({ type: "check_in", device });
    if (reply.type !== "checked_in") return;
    comeBackIn(Math.max(reply.comeBackAfterMs, patienceMs));
    if (reply.offer !== null) await take(reply.offer);
  }

  function comeBackIn(ms: number): void {
    next.timer?.cancel();
    next.timer = clock.after(ms, () => {
      if (!isStopped && !isAway) patiently(checkIn());
    });
  }

  const patiently = (work: Promise<void>): void => void work.catch(() => undefined);
  return {
    answers,
    rounds,
    declined,
    async start() {
      plane.listen((notice) => {
        if (notice.type === "round_offered") patiently(take(notice.offer));
        if (notice.type === "offer_again" && !busy.has(notice.round)) patiently(contribute(notice.round));
        if (notice.type === "aggregator_here") patiently(checkIn());
        if (notice.type === "task_over") isStopped = true;
      });
      const reply = plane.request({ type: "check_in", device }, timeoutMs);
      await reply.catch(() => undefined);
      patiently(checkIn());
    },
    async stop() {
      isStopped = true;
      await plane.close();
    },
    async leave() {
      await ask({ type: "leave", reason: "its page is closed" });
      isStopped = true;
      await plane.close();
    },
  };
}
