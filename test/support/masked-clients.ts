/** Joined clients that mask their updates, against the real aggregator in virtual time; either side may die at any moment. */
import { createMemoryStore, createRandom, createSimulatedClock, type Clock } from "@shoal/actors";
import { openAggregator, type Aggregator, type AggregatorSettings, type ChainedRound } from "@shoal/aggregator";
import {
  createMemoryStorage,
  createUpdateCodec,
  openSession,
  type LocalTrainer,
  type SessionEvent,
} from "@shoal/edge-client";
import {
  createInProcessPlane,
  systemRandomBytes,
  type ClientPlane,
  type ClientRequest,
  type InProcessPlaneOptions,
  type SecureClientPorts,
} from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { createVectorCodecs } from "@shoal/optimization";
// Loaded before the clock runs: loading takes real time.
import "../../packages/edge-client/src/session/secure/play-secure-round.ts";
import { createCountedCrypto, simulateWith } from "./counted-crypto.ts";
import { createKernelSite } from "./kernel-site.ts";
import { createMortalProcess } from "./mortal-process.ts";
import { descriptionOf, float32, settingsFor } from "./played-task.ts";

const kernels = createKernelSite("baseline");
const codec = createUpdateCodec(await loadKernelModules());
export const maskedSize = 37;
export const maskedNames: readonly string[] = Array.from({ length: 10 }, (_, index) => `m${index}`);

/** Ten clients, of which five are enough; each stage has a second, and training five. */
export function maskedSettings(
  lattice: Partial<NonNullable<AggregatorSettings["secure"]>["task"]["lattice"]> = {},
  others: Partial<AggregatorSettings> = {},
): AggregatorSettings {
  const clients = maskedNames.length;
  const plan = {
    goal: clients,
    invited: clients,
    minimum: 5,
    configurationTimeoutMs: 1_000,
    reportingTimeoutMs: 9_000,
  };
  return settingsFor(plan, {
    normBound: null,
    secure: {
      task: {
        ...{ curve: "P-256", minimumClients: 5 },
        threat: { adversarialShare: 0, dropOutShare: 0.3, server: "semi_malicious" },
        lattice: { clip: 4, levels: 2 ** 16 + 1, weightCap: 3, clients, noiseVariance: 0, ...lattice },
      },
      ...{ expected: null, stageTimeoutMs: 1_000, maskingTimeoutMs: 5_000 },
    },
    ...others,
  });
}

export interface MaskedPlan extends Partial<InProcessPlaneOptions> {
  readonly steps: number;
  readonly settings?: AggregatorSettings;
  /** Deeds at which the lives of the aggregator end. */
  readonly aggregatorDies?: readonly number[];
  /** What "m0" does in place of what a client does; settles when it is done. */
  readonly instead?: (plane: ClientPlane, cryptography: SecureClientPorts) => Promise<void>;
  /** What becomes of each request of a client on its way. */
  readonly bend?: (client: string, request: ClientRequest) => ClientRequest;
  /** Asked before each request of a client: whether it dies there, and for how long it is away, ms. */
  readonly dies?: (client: string, request: ClientRequest) => number | undefined;
}

export interface MaskedRun {
  /** −Δ of each step. */
  readonly updates: readonly (readonly number[])[];
  readonly records: readonly ChainedRound[];
  readonly events: readonly (SessionEvent & { readonly client: string })[];
  /** What the aggregator said that it waits for. */
  readonly waits: ReadonlySet<string>;
  /** The same, with how many deeds it had done when it said so. */
  readonly words: readonly (readonly [deeds: number, what: string])[];
  readonly endedAtMs: number;
  readonly deeds: number;
}

/** An update on the lattice's steps, so that rounding by chance changes nothing: sums of it are known to the last bit. */
export function maskedUpdate(client: string, round: number): Float32Array {
  const number = maskedNames.indexOf(client) + 1;
  return Float32Array.from({ length: maskedSize }, (_, key) => (number * ((key % 5) - 2) + (round % 3)) / 1024);
}

export const samplesOf = (client: string): number => 1 + (maskedNames.indexOf(client) % 3);

export function playMasked(plan: MaskedPlan): Promise<MaskedRun> {
  const clock = createSimulatedClock();
  const cryptography = createCountedCrypto();
  return simulateWith(cryptography, clock, run(plan, clock, cryptography.subtle));
}

async function run(plan: MaskedPlan, clock: Clock, subtle: SubtleCrypto): Promise<MaskedRun> {
  const { steps, settings = maskedSettings(), aggregatorDies = [], dies = () => undefined, ...others } = plan;
  const { bend = (_, request) => request, ...planeOptions } = others;
  const plane = createInProcessPlane({ clock, delayMs: () => 1, ...planeOptions });
  const store = createMemoryStore();
  const events: (SessionEvent & { readonly client: string })[] = [];
  const records = new Map<number, ChainedRound>();
  const waits = new Set<string>();
  const words: (readonly [number, string])[] = [];
  const cryptography = { subtle, randomBytes: systemRandomBytes };

  const live = async (client: string): Promise<string> => {
    if (client === "m0" && plan.instead !== undefined) {
      await plan.instead(plane.connect(client), cryptography);
      return "it did something else";
    }
    const storage = createMemoryStorage();
    for (;;) {
      const connected = plane.connect(client);
      const bent: ClientPlane = {
        ...connected,
        request: (request, timeoutMs) => connected.request(bend(client, request), timeoutMs),
      };
      const { plane: own, died } = createFragilePlane(bent, (request) => dies(client, request));
      const session = openSession({
        ...{
          task: "digits",
          client,
          plane: own,
          trainer: createTrainer(client, clock),
          codec,
          storage,
          clock,
          cryptography,
        },
        random: createRandom(`${client} ${clock.now()}`),
        device: { memoryBytes: 1e9, platform: "node" },
        onEvent: (event) => void events.push({ ...event, client }),
      });
      const end = await Promise.race([session.ended, died]);
      if (typeof end === "string") return end;
      void session.close();
      await new Promise<void>((resolve) => clock.after(end, () => resolve()));
    }
  };
  const values = new Float32Array(maskedSize);
  const updates: number[][] = [];
  let clients: readonly Promise<string>[] | undefined;
  let deeds = 0;
  for (let life = 0; updates.length < steps; life += 1) {
    const process = createMortalProcess({ clock, store, plane: plane.aggregator }, aggregatorDies[life] ?? Infinity);
    const open = openAggregator({
      ...{ run: "r1", description: descriptionOf(settings, maskedSize), settings, random: createRandom("aggregator") },
      ...{ plane: process.plane, store: process.store, clock: process.clock, subtle },
      codecs: createVectorCodecs(float32, { size: maskedSize }, kernels),
      onRecord: (record) => process.act(() => records.set(record.sequence, record)),
    });
    const aggregator: Aggregator | "died" = await Promise.race([open, process.died]);
    clients ??= maskedNames.map(live);
    if (aggregator === "died") continue;
    while (updates.length < steps && !process.isDead) {
      const gradient = new Float32Array(maskedSize);
      const work = { step: updates.length, version: updates.length, parameters: values, gradient };
      const waiting = watch(clock, () => {
        const what = aggregator.describe()?.replace(/, \d+ s left$/, "") ?? "";
        waits.add(what);
        words.push([process.deeds, what]);
      });
      const done = await Promise.race([aggregator.aggregate(work), process.died]);
      waiting.stop();
      if (done === "died") break;
      updates.push([...gradient]);
      process.act(() => undefined);
    }
    ({ deeds } = process);
    if (process.isDead) continue;
    const endedAtMs = clock.now();
    await aggregator.evaluated(values, { accuracy: 0, loss: 0 });
    await endAll(clock, aggregator, clients);
    return { updates, records: [...records.values()], events, waits, words, endedAtMs, deeds };
  }
  throw new Error("the aggregator died behind its last step");
}

/** Notices may be lost: said until everybody has heard it. */
async function endAll(clock: Clock, aggregator: Aggregator, clients: readonly Promise<string>[]): Promise<void> {
  let isOver = false;
  void Promise.all(clients).then(() => (isOver = true));
  while (!isOver) {
    await aggregator.finish("all rounds are done");
    await new Promise<void>((resolve) => clock.after(1_000, () => resolve()));
  }
  await aggregator.close();
}

/** Looks every millisecond: as long as a message is on its way. */
function watch(clock: Clock, look: () => void): { stop(): void } {
  let timer = clock.after(1, again);
  function again(): void {
    look();
    timer = clock.after(1, again);
  }
  return { stop: () => timer.cancel() };
}

/** The end of a client that is gone in the moment before a request leaves: nothing more is said, nor heard. */
function createFragilePlane(
  plane: ClientPlane,
  dies: (request: ClientRequest) => number | undefined,
): { readonly plane: ClientPlane; readonly died: Promise<number> } {
  const { promise: died, resolve } = Promise.withResolvers<number>();
  let isDead = false;
  const never = new Promise<never>(() => undefined);
  return {
    died,
    plane: {
      ...plane,
      request(request, timeoutMs) {
        const awayMs = isDead ? undefined : dies(request);
        if (awayMs !== undefined) {
          isDead = true;
          resolve(awayMs);
        }
        return isDead ? never : plane.request(request, timeoutMs);
      },
      listen: (onNotice) =>
        plane.listen((notice) => {
          if (!isDead) onNotice(notice);
        }),
    },
  };
}

function createTrainer(client: string, clock: Clock): LocalTrainer {
  return {
    ...{ samples: samplesOf(client), testSamples: 0 },
    async train(_task, { round, signal }) {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        clock.after(5 * samplesOf(client), () => resolve());
      });
      const update = maskedUpdate(client, round);
      return { update, personal: null, samples: samplesOf(client), steps: 1, loss: 1 };
    },
    evaluate: async () => null,
    close: async () => undefined,
  };
}
