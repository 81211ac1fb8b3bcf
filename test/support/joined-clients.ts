/** Joined clients of a small task in virtual time, against the real aggregator; each may die and come back. */
import { createMemoryStore, createRandom, createSimulatedClock, simulate, type Clock } from "@shoal/actors";
import { openAggregator, type AggregatorSettings } from "@shoal/aggregator";
import {
  createMemoryStorage,
  createUpdateCodec,
  openSession,
  type ClientStorage,
  type LocalTrainer,
  type Session,
  type SessionEvent,
  type SessionModel,
} from "@shoal/edge-client";
import { isShoalError } from "@shoal/errors";
import {
  createInProcessPlane,
  type ClientNotice,
  type ClientRequest,
  type InProcessPlaneOptions,
  type PrivacyBudget,
  type RoundSummary,
} from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { createVectorCodecs } from "@shoal/optimization";
import { createKernelSite } from "./kernel-site.ts";
import { createMortalClient } from "./mortal-client.ts";
import { descriptionOf, settingsFor, taskSize } from "./played-task.ts";

const kernels = createKernelSite("baseline");
const codec = createUpdateCodec(await loadKernelModules());
const names = ["a", "b", "c"] as const;
type Name = (typeof names)[number];

export interface JoinedPlan extends Partial<InProcessPlaneOptions> {
  readonly rounds: number;
  /** Deeds at which the lives of client "a" end, one after the other. */
  readonly lives?: readonly number[];
  /** Time that it stays away; default 20 ms. */
  readonly awayMs?: number;
  readonly size?: number;
  readonly settings?: AggregatorSettings;
  readonly trainMs?: (name: Name, round: number) => number;
  /** The elements of an update differ. */
  readonly uneven?: boolean;
  readonly storage?: () => ClientStorage;
  /** Of client "a". */
  readonly privacyLimit?: PrivacyBudget;
  /** What the training of client "a" throws. */
  readonly unfit?: Error;
  /** Of client "a"; default: enough for any task. */
  readonly memoryBytes?: number;
  /** Whether client "a" hears a notice of this type; default: all. */
  readonly hears?: (type: ClientNotice["type"]) => boolean;
}

export interface JoinedRun {
  /** First and last value of each update: all of a client's are the same. */
  readonly updates: readonly (readonly [number, number])[];
  readonly contributions: readonly number[];
  /** Rounds that "a" trained once more although their updates were kept. */
  readonly trainedAgain: readonly number[];
  readonly events: readonly (SessionEvent & { readonly name: Name })[];
  /** Deeds of the last life of "a". */
  readonly deeds: number;
  readonly endedAtMs: number;
  readonly requests: Readonly<Record<string, number>>;
  /** What all clients have asked. */
  readonly said: readonly ClientRequest[];
  readonly reasons: readonly string[];
  /** What each client has in the end. */
  readonly models: readonly (SessionModel | undefined)[];
  /** As they were told. */
  readonly summaries: readonly RoundSummary[];
  /** The last values, on the aggregator's side. */
  readonly values: Float32Array;
}

/** All three are in every round, so that its result does not depend on who is fast. */
const allThree = settingsFor({ goal: 3, minimum: 3, invited: 3 });

export function playJoined(plan: JoinedPlan): Promise<JoinedRun> {
  const clock = createSimulatedClock();
  return simulate(clock, run(plan, clock), { forMs: 3_600_000, maximumSteps: 5_000_000 });
}

async function run(plan: JoinedPlan, clock: Clock): Promise<JoinedRun> {
  const { rounds, lives = [], awayMs = 20, size = taskSize, settings = allThree, ...planeOptions } = plan;
  const plane = createInProcessPlane({ clock, delayMs: () => 1, ...planeOptions });
  const aggregator = await openAggregator({
    ...{ run: "r1", description: descriptionOf(settings, size), settings, random: createRandom("aggregator") },
    ...{ plane: plane.aggregator, store: createMemoryStore(), clock },
    codecs: createVectorCodecs({ ...settings.down, ...settings.up }, { size }, kernels),
    onRound: (summary) => void summaries.push(summary),
  });
  const events: (SessionEvent & { readonly name: Name })[] = [];
  const trainedAgain: number[] = [];
  const requests: Record<string, number> = {};
  const said: ClientRequest[] = [];
  const summaries: RoundSummary[] = [];
  const last = new Map<Name, Session>();
  let deeds = 0;

  const live = async (name: Name): Promise<string> => {
    const storage = plan.storage?.() ?? createMemoryStorage();
    const kept = new Set<number>();
    for (let life = 0; ; life += 1) {
      const client = plane.connect(name);
      const trainer = createPlayedTrainer({ name, plan, clock }, (round) => {
        if (kept.has(round)) trainedAgain.push(round);
      });
      const counted: typeof client = {
        ...client,
        listen: (onNotice) =>
          client.listen((notice) => {
            if (name !== "a" || plan.hears?.(notice.type) !== false) onNotice(notice);
          }),
        request(request, timeoutMs) {
          said.push(request);
          if (name === "a") requests[request.type] = (requests[request.type] ?? 0) + 1;
          // Whoever offers it has written down that it is trained.
          if (name === "a" && request.type === "offer_contribution") kept.add(request.offer.round);
          return client.request(request, timeoutMs);
        },
      };
      const diesAt = name === "a" ? (lives[life] ?? Infinity) : Infinity;
      const mortal = createMortalClient({ clock, storage, plane: counted, trainer }, diesAt);
      const session = openSession({
        ...{ task: "digits", client: name, plane: mortal.plane, trainer: mortal.trainer, codec },
        ...{ storage: mortal.storage, clock: mortal.clock, random: createRandom(`${name} ${life}`) },
        device: { memoryBytes: name === "a" ? (plan.memoryBytes ?? 1e9) : 1e9, platform: "node" },
        ...(name === "a" && plan.privacyLimit !== undefined && { privacyLimit: plan.privacyLimit }),
        onEvent: (event) => void events.push({ ...event, name }),
      });
      last.set(name, session);
      const ended = session.ended.catch((error: unknown) => {
        if (isShoalError(error, "privacy_budget_spent")) return error.message;
        if (plan.memoryBytes !== undefined && isShoalError(error, "out_of_memory")) return error.message;
        if (plan.unfit === undefined || error !== plan.unfit) throw error;
        return plan.unfit?.message ?? "";
      });
      const end = await Promise.race([ended, mortal.died]);
      if (name === "a") ({ deeds } = mortal);
      if (!mortal.isDead) return end;
      await new Promise<void>((resolve) => clock.after(awayMs, () => resolve()));
    }
  };
  const clients = names.map(live);
  const values = new Float32Array(size);
  const updates: (readonly [number, number])[] = [];
  const contributions: number[] = [];
  for (let step = 0; step < rounds; step += 1) {
    const gradient = new Float32Array(size);
    const done = await aggregator.aggregate({ step, version: step, parameters: values, gradient });
    updates.push([gradient[0] ?? Number.NaN, gradient.at(-1) ?? Number.NaN]);
    contributions.push(done.contributions);
    values.forEach((value, key) => (values[key] = value - (gradient[key] ?? 0)));
  }
  const endedAtMs = clock.now();
  await aggregator.evaluated(values, { accuracy: 0, loss: 0 });
  // Notices may be lost: said until everybody has heard it.
  const all = Promise.all(clients);
  let isOver = false;
  void all.then(() => (isOver = true));
  while (!isOver) {
    await aggregator.finish("all rounds are done");
    await new Promise<void>((resolve) => clock.after(1_000, () => resolve()));
  }
  await aggregator.close();
  const reasons = await all;
  const models = names.map((name) => last.get(name)?.model());
  return {
    updates,
    contributions,
    trainedAgain,
    events,
    deeds,
    endedAtMs,
    requests,
    said,
    reasons,
    models,
    values,
    summaries,
  };
}

/** Goes half of the way to the number of its client. */
function createPlayedTrainer(
  { name, plan, clock }: { readonly name: Name; readonly plan: JoinedPlan; readonly clock: Clock },
  onTrain: (round: number) => void,
): LocalTrainer {
  const target = 1 + names.indexOf(name);
  return {
    ...{ samples: target, testSamples: 0 },
    async train(_task, { values, round, signal, onProgress }) {
      onTrain(round);
      if (name === "a" && plan.unfit !== undefined) throw plan.unfit;
      const ms = plan.trainMs?.(name, round) ?? 5 * target;
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        clock.after(ms, () => resolve());
      });
      onProgress?.({ epoch: 0, loss: 1 });
      const wanted = (key: number): number => (plan.uneven === true ? target * Math.sin(key) ** 3 : target);
      const update = Float32Array.from(values, (value, key) => (wanted(key) - value) / 2);
      return { update, personal: null, samples: target, steps: 1, loss: 1 };
    },
    evaluate: async () => null,
    close: async () => undefined,
  };
}
