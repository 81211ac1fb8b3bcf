/**
 * A joined client with its own trainer, codec and folder, whose memory is looked at whenever it asks anything of anybody: what
 * is alive of its arrays, and how large its kernel memories have become.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createRandom, systemClock } from "@shoal/actors";
import {
  createInlineTrainer,
  createUpdateCodec,
  openSession,
  type ClientStorage,
  type LocalTrainer,
  type UpdateCodec,
} from "@shoal/edge-client";
import {
  chunkCount,
  chunkRange,
  createInProcessPlane,
  describeVector,
  joinVectors,
  type ClientReply,
  type ClientRequest,
  type ContributionAnswer,
  type RoundOffer,
  type TaskDescription,
} from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { initializeParameters, layoutOf, parseModelSpec, type Split } from "@shoal/models";
import { createVectorCodecs } from "@shoal/optimization";
import { createKernelSite } from "./kernel-site.ts";

export interface MeasuredPlan {
  readonly task: TaskDescription;
  readonly data: Split;
  readonly rounds: number;
  /** That the device says it has. */
  readonly memoryBytes: number;
}

export interface Measured {
  /** Of all kernel memories of the client in the end: they never shrink. */
  readonly kernelBytes: number;
  /** Arrays that were alive at once, at most, in the last round. */
  readonly arrayBytes: number;
  readonly requests: Readonly<Record<string, number>>;
  readonly refusals: readonly string[];
  readonly contributions: number;
  /** As the session says. */
  readonly end: string;
}

const modules = await loadKernelModules();
const site = createKernelSite("baseline");
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Arrays that are alive now: what one collection finds dead is free when the next has begun. */
function aliveBytes(): number {
  collect();
  collect();
  return process.memoryUsage().arrayBuffers;
}

/** Runs `use`, and counts what the memories that it makes have grown to. */
async function countKernelBytes(use: () => Promise<void>): Promise<number> {
  const Usual = WebAssembly.Memory;
  const made: WebAssembly.Memory[] = [];
  WebAssembly.Memory = class extends Usual {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      made.push(this);
    }
  };
  try {
    await use();
  } finally {
    WebAssembly.Memory = Usual;
  }
  return made.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}

export async function measureClient(plan: MeasuredPlan): Promise<Measured> {
  const folder = await mkdtemp(joinPath(tmpdir(), "measured-client-"));
  try {
    return await measureIn(folder, plan);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureIn(folder: string, { task, data, rounds, memoryBytes }: MeasuredPlan): Promise<Measured> {
  const plane = createInProcessPlane({ clock: systemClock });
  const server = playServer(task, rounds);
  let [base, peak] = [0, 0];
  const look = (): void => {
    if (server.taken() < rounds - 1) return;
    peak = Math.max(peak, aliveBytes() - base);
  };
  // Where most is alive: to look takes its time.
  const lookAt = (what: string): void => {
    if (/carried.(unsent|personal|control)|update|offer_contribution/.test(what)) look();
  };
  const requests: Record<string, number> = {};
  const refusals: string[] = [];
  plane.aggregator.serve(async (_, request) => {
    requests[request.type] = (requests[request.type] ?? 0) + 1;
    if (request.type === "answer_offer" && !request.takesPart) refusals.push(request.reason);
    lookAt(request.type);
    return server.answer(request);
  });
  let end = "";
  const kernelBytes = await countKernelBytes(async () => {
    const storage = createHastyStorage(folder);
    const session = openSession({
      ...{ task: task.task, client: "a", plane: plane.connect("a"), random: createRandom("a") },
      trainer: watchTrainer(createInlineTrainer({ modules, data, memoryBytes, build: "baseline" }), look),
      codec: watchCodec(createUpdateCodec(modules, memoryBytes), look),
      storage: {
        async get(name) {
          const content = await storage.get(name);
          lookAt(name);
          return content;
        },
        async set(name, content) {
          lookAt(name);
          await storage.set(name, content);
        },
        clear: (prefix) => storage.clear(prefix),
      },
      device: { memoryBytes, platform: "node" },
    });
    base = aliveBytes();
    end = await session.ended.catch((error: Error) => error.message);
  });
  return { kernelBytes, arrayBytes: peak, requests, refusals, contributions: server.taken(), end };
}

/** Files that nobody waits for until they are on the disk: a client that is measured does not die. */
function createHastyStorage(folder: string): ClientStorage {
  const pathOf = (name: string): string => joinPath(folder, name.replaceAll("/", "%"));
  return {
    get: async (name) => (existsSync(pathOf(name)) ? readFileSync(pathOf(name)) : undefined),
    set: async (name, content) => writeFileSync(pathOf(name), content),
    async clear(prefix) {
      const own = readdirSync(folder).filter((name) => name.startsWith(prefix.replaceAll("/", "%")));
      for (const name of own) rmSync(joinPath(folder, name));
    },
  };
}

function watchTrainer(trainer: LocalTrainer, look: () => void): LocalTrainer {
  return {
    ...trainer,
    async train(task, work) {
      const result = await trainer.train(task, { ...work, onProgress: look });
      look();
      return result;
    },
  };
}

function watchCodec(codec: UpdateCodec, look: () => void): UpdateCodec {
  return {
    ...codec,
    async decode(...given) {
      const values = await codec.decode(...given);
      look();
      return values;
    },
    async encode(...given) {
      const encoded = await codec.encode(...given);
      look();
      return encoded;
    },
  };
}

interface PlayedServer {
  answer(request: ClientRequest): ClientReply;
  /** Contributions. */
  taken(): number;
}

const accepted: ContributionAnswer = { kind: "accepted", weight: 1, comeBackAfterMs: 1 };

/** Draws its one client for every round, and takes what comes. */
function playServer(task: TaskDescription, rounds: number): PlayedServer {
  const content = contentOf(task);
  const manifest = describeVector(content);
  let [round, missing] = [1, 0];
  const take = (): ClientReply => {
    round += 1;
    return { type: "answered", answer: accepted };
  };
  return {
    taken: () => round - 1,
    answer(request) {
      switch (request.type) {
        case "check_in":
          if (round > rounds) return { type: "turned_away", reason: "it is over", comeBackAfterMs: 0, isFinal: true };
          return { type: "checked_in", task, leaseMs: 1e6, comeBackAfterMs: 1, offer: offerOf(task, round) };
        case "answer_offer":
          return { type: "offer_noted", isMember: request.takesPart, reportWithinMs: 1e6, values: null };
        case "fetch_manifest":
          return { type: "manifest", version: round, manifest };
        case "fetch_chunk": {
          const { begin, end } = chunkRange(manifest, request.index);
          return { type: "chunk", content: content.slice(begin, end) };
        }
        case "offer_contribution":
          missing = chunkCount(request.offer.content);
          if (request.content !== null) return take();
          return { type: "send_chunks", received: new Uint8Array(Math.ceil(missing / 8)), window: 4 };
        case "put_chunk":
          missing -= 1;
          return missing > 0 ? { type: "chunk_kept" } : take();
        default:
          return { type: "noted" };
      }
    },
  };
}

/** The model's first values, and with SCAFFOLD a control of zeros. */
function contentOf({ model, size, local, down }: TaskDescription): Uint8Array {
  const spec = parseModelSpec(model, "model");
  const values = new Float32Array(layoutOf(spec).size);
  initializeParameters(spec, 1, values);
  const codecs = createVectorCodecs({ down: down[0] }, { size }, site);
  const parts = [values.subarray(0, size), ...(local.correction === "scaffold" ? [new Float32Array(size)] : [])];
  const content = joinVectors(parts.map((part) => codecs.encode("down", part)));
  codecs.dispose();
  return content;
}

/** With SCAFFOLD every round counts, and the run may go back to two of them. */
function offerOf({ local, down, up }: TaskDescription, round: number): RoundOffer {
  const nameOf = (specs: TaskDescription["up"]): string => String(specs[0]?.["name"]);
  const control = { epoch: 1, counted: [round - 1], uncounted: [], undone: [], restorable: [1, 3] };
  return {
    ...{ round, version: round, answerWithinMs: 1e4, reportWithinMs: 1e6, down: nameOf(down), up: nameOf(up) },
    ...{ clip: null, evaluates: false, traceparent: null },
    control: local.correction === "scaffold" ? control : null,
  };
}
