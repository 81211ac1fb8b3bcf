/** A federated client that trains nothing: it contributes half of the way from the values to a target of its own. */
import type { Clock } from "@shoal/actors";
import {
  chunkCount,
  chunkRange,
  contributionId,
  describeVector,
  emptyChunkSet,
  hasChunk,
  readChunkSet,
  type ClientPlane,
  type ClientReply,
  type ClientRequest,
  type ContributionAnswer,
  type Device,
  type RoundOffer,
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
}

export interface PlayedClient {
  readonly answers: readonly ContributionAnswer[];
  /** Rounds that it was asked to. */
  readonly rounds: readonly number[];
  start(): Promise<void>;
  stop(): Promise<void>;
}

const timeoutMs = 1_000;
const device: Device = { memoryBytes: 1e9, samples: 10, testSamples: 0, encodings: ["float32"], platform: "node" };

export function createPlayedClient(options: PlayedClientOptions): PlayedClient {
  const { plane, clock, name, task, target, trainMs = 10, samples = 10, bend = (update) => update } = options;
  const answers: ContributionAnswer[] = [];
  const rounds: number[] = [];
  const made = new Map<number, { readonly update: Float32Array; readonly version: number }>();
  let isStopped = false;

  const ask = (request: ClientRequest): Promise<ClientReply> => plane.request(request, timeoutMs);
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, () => resolve()));

  async function take(offer: RoundOffer): Promise<void> {
    if (isStopped || rounds.includes(offer.round)) return;
    rounds.push(offer.round);
    const noted = await ask({ type: "answer_offer", round: offer.round, takesPart: true, reason: "" });
    if (noted.type !== "offer_noted" || !noted.isMember) return;
    const values = await download(offer);
    await sleep(trainMs);
    if (isStopped || values === undefined) return;
    const honest = Float32Array.from(values, (value, key) => ((target[key] ?? 0) - value) / 2);
    made.set(offer.round, { update: bend(honest), version: offer.version });
    await contribute(offer.round);
  }

  async function download({ round, down }: RoundOffer): Promise<Float32Array | undefined> {
    const reply = await ask({ type: "fetch_manifest", round, encoding: down });
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
    const { update, version } = made.get(round) ?? {};
    if (update === undefined || version === undefined || isStopped) return;
    const bytes = new Uint8Array(update.buffer);
    const content = describeVector(bytes);
    const id = contributionId(name, task, round);
    const facts = { client: name, baseVersion: version, samples, steps: 1, loss: 1, encoding: "float32" };
    const reply = await ask({ type: "offer_contribution", offer: { id, task, round, ...facts, content }, trace: null });
    if (reply.type === "answered") answers.push(reply.answer);
    if (reply.type !== "send_chunks") return;
    const received = readChunkSet(chunkCount(content), reply.received);
    for (let index = 0; index < emptyChunkSet(received.count).count; index += 1) {
      if (hasChunk(received, index)) continue;
      const { begin, end } = chunkRange(content, index);
      const kept = await ask({ type: "put_chunk", id, index, content: bytes.subarray(begin, end) });
      if (kept.type === "answered") answers.push(kept.answer);
    }
  }

  async function checkIn(): Promise<void> {
    const reply = await ask({ type: "check_in", device });
    if (reply.type === "checked_in" && reply.offer !== null) await take(reply.offer);
  }

  const patiently = (work: Promise<void>): void => void work.catch(() => undefined);
  return {
    answers,
    rounds,
    async start() {
      plane.listen((notice) => {
        if (notice.type === "round_offered") patiently(take(notice.offer));
        if (notice.type === "offer_again") patiently(contribute(notice.round));
        if (notice.type === "aggregator_here") patiently(checkIn());
      });
      await checkIn();
    },
    async stop() {
      isStopped = true;
      await plane.close();
    },
  };
}
