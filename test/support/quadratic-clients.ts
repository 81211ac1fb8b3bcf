/**
 * SCAFFOLD in real rounds, in virtual time: three clients whose losses are quadratics, fₖ(x) = aₖ/2·(x − bₖ)², against the real
 * aggregator. Aggregator and clients may die at any deed, and a client may fail to contribute.
 */
import { createMemoryStore, createRandom, createSimulatedClock, simulate, type Clock } from "@shoal/actors";
import { openAggregator, type Aggregator, type SavedWork } from "@shoal/aggregator";
import { createMemoryStorage, createUpdateCodec, openSession, type LocalTrainer } from "@shoal/edge-client";
import { correctGradient, createInProcessPlane, renewControl } from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { createVectorCodecs } from "@shoal/optimization";
import { takeFederatedRow } from "./federated-rows.ts";
import { createKernelSite } from "./kernel-site.ts";
import { createMemorySnapshots } from "./memory-snapshots.ts";
import { createMortalClient } from "./mortal-client.ts";
import { createMortalProcess } from "./mortal-process.ts";
import { descriptionOf, settingsFor } from "./played-task.ts";

const slopes = takeFederatedRow<number[]>("quadratic/a");
const minima = takeFederatedRow<number[]>("quadratic/b");
const localSteps = takeFederatedRow<number[]>("quadratic/local_steps");
const learningRate = takeFederatedRow<number>("quadratic/lr");
const names = ["a", "b", "c"] as const;
const kernels = createKernelSite("baseline");
const codec = createUpdateCodec(await loadKernelModules());

export interface QuadraticPlan {
  readonly rounds: number;
  /** Copies of the value that travel: enough for lossy encodings to have something to leave out. Default 1. */
  readonly size?: number;
  readonly up?: Readonly<Record<string, unknown>>;
  /** Deeds at which the lives of the aggregator end, and those of client "a". */
  readonly aggregatorLives?: readonly number[];
  readonly clientLives?: readonly number[];
  /** Whether a client's training fails. */
  readonly fails?: (name: string, round: number) => boolean;
  /** Goes back to this step's values, once, instead of step `from`. */
  readonly back?: { readonly from: number; readonly to: number };
  /** The aggregator dies before each step `from`, and another goes on from the snapshot of step `to`. */
  readonly resumes?: readonly Resumption[];
}

export interface Resumption {
  readonly from: number;
  readonly to: number;
  /** On a cluster that knows nothing of the run; otherwise its store is the same. */
  readonly elsewhere: boolean;
  /** The snapshot is of a release that kept neither controls nor an account of the run. */
  readonly isOld?: boolean;
  /** What the run has counted does not lie beside the snapshot. */
  readonly isUncounted?: boolean;
}

export interface QuadraticRun {
  /** Sentences for people. */
  readonly notes: readonly string[];
  /** First value after each round that was committed. */
  readonly x: readonly number[];
  /** Controls that the clients of a round began with, by version: the server's, and their own. */
  readonly controls: ReadonlyMap<number, { readonly global: number; readonly own: readonly number[] }>;
  readonly rounds: number;
  /** Virtual time. */
  readonly tookMs: number;
  readonly deeds: { readonly aggregator: number; readonly client: number };
}

export function playQuadratics(plan: QuadraticPlan): Promise<QuadraticRun> {
  const clock = createSimulatedClock();
  return simulate(clock, run(plan, clock), { forMs: 3_600_000, maximumSteps: 2_000_000 });
}

async function run(plan: QuadraticPlan, clock: Clock): Promise<QuadraticRun> {
  const { rounds, size = 1, up = { name: "float32" }, aggregatorLives = [], clientLives = [] } = plan;
  const base = settingsFor({ goal: 3, minimum: 3, invited: 3 }, { normBound: null, population: 3 });
  const local = { ...base.local, learningRate, correction: "scaffold" as const };
  const settings = { ...base, local, up: { [String(up["name"])]: up } };
  const plane = createInProcessPlane({ clock, delayMs: () => 1 });
  let store = createMemoryStore();
  let snapshots = createMemorySnapshots();
  const saved = new Map<number, SavedWork>();
  const resumes = [...(plan.resumes ?? [])];
  const saves = new Set(resumes.map(({ to }) => to));
  const notes: string[] = [];
  let origin: SavedWork | undefined;
  const seen = new Map<number, { global: number; own: number[] }>();
  const deeds = { aggregator: 0, client: 0 };
  let played = 0;

  const live = async (client: number): Promise<void> => {
    const name = names[client] ?? "a";
    const storage = createMemoryStorage();
    for (let life = 0; ; life += 1) {
      const trainer = createQuadraticTrainer(client, {
        fails: (round) => plan.fails?.(name, round) === true,
        onBegin(round, { own, global }) {
          played = Math.max(played, round);
          const [c = Number.NaN, ck = Number.NaN] = [global[0], own[0]];
          const known = seen.get(round);
          // A cluster that knows nothing of the run numbers its rounds anew: those before had another c.
          const at = known?.global === c ? known : { global: c, own: [] };
          at.own[client] = ck;
          seen.set(round, at);
        },
      });
      const diesAt = name === "a" ? (clientLives[life] ?? Infinity) : Infinity;
      const mortal = createMortalClient({ clock, storage, plane: plane.connect(name), trainer }, diesAt);
      const session = openSession({
        ...{ task: "digits", client: name, plane: mortal.plane, trainer: mortal.trainer, codec },
        ...{ storage: mortal.storage, clock: mortal.clock, random: createRandom(`${name} ${life}`) },
        device: { memoryBytes: 1e9, platform: "node" },
      });
      await Promise.race([session.ended, mortal.died]);
      if (name === "a") deeds.client = mortal.deeds;
      if (!mortal.isDead) return;
      await new Promise<void>((resolve) => clock.after(20, () => resolve()));
    }
  };
  let clients: Promise<void>[] | undefined;

  const values: Float32Array[] = [new Float32Array(size).fill(takeFederatedRow<number>("quadratic/x0"))];
  let step = 0;
  let hasGoneBack = false;
  lives: for (let life = 0; step < rounds; life += 1) {
    const process = createMortalProcess({ clock, store, plane: plane.aggregator }, aggregatorLives[life] ?? Infinity);
    const open = openAggregator({
      ...{ run: "r1", description: descriptionOf(settings, size), settings, random: createRandom("aggregator") },
      ...{ plane: process.plane, store: process.store, clock: process.clock, snapshots, origin },
      onNote: (sentence) => void notes.push(sentence),
      codecs: createVectorCodecs({ ...settings.down, ...settings.up }, { size }, kernels),
    });
    const aggregator: Aggregator | "died" = await Promise.race([open, process.died]);
    clients ??= names.map((_, client) => live(client));
    if (aggregator === "died") continue;
    while (step < rounds && !process.isDead) {
      if (plan.back?.from === step && !hasGoneBack) {
        hasGoneBack = true;
        step = plan.back.to;
      }
      if (saves.has(step)) {
        const work = await Promise.race([aggregator.save(step), process.died]);
        if (work === "died") break;
        saved.set(step, structuredClone(work));
      }
      const [resumption] = resumes;
      if (resumption?.from === step) {
        resumes.shift();
        step = resumption.to;
        // As it stands in the place of the snapshots.
        origin = resumption.isOld === true ? undefined : saved.get(step);
        if (resumption.isOld === true || resumption.isUncounted === true) snapshots = createMemorySnapshots();
        if (resumption.elsewhere) store = createMemoryStore();
        await aggregator.close();
        continue lives;
      }
      const [gradient, parameters] = [new Float32Array(size), values[step] ?? new Float32Array(size)];
      const work = { step, version: step, parameters, gradient };
      const done = await Promise.race([aggregator.aggregate(work), process.died]);
      if (done === "died") break;
      process.act(() => undefined); // before the push
      if (process.isDead) break;
      values[step + 1] = parameters.map((value, key) => value - (gradient[key] ?? 0));
      step += 1;
      process.act(() => undefined); // behind it
    }
    if (process.isDead) continue;
    deeds.aggregator = process.deeds;
    await aggregator.evaluated(values[step] ?? new Float32Array(size), { accuracy: 0, loss: 0 });
    const all = Promise.all(clients).then(() => "over");
    // Notices may be lost with their client: said until all have heard it.
    const wait = (): Promise<void> => new Promise((resolve) => clock.after(1_000, () => resolve()));
    do await aggregator.finish("all rounds are done");
    while ((await Promise.race([all, wait()])) !== "over");
    await aggregator.close();
  }
  return {
    x: values.slice(1).map(([first = Number.NaN]) => first),
    controls: seen,
    rounds: played,
    deeds,
    notes,
    tookMs: clock.now(),
  };
}

function createQuadraticTrainer(
  client: number,
  {
    fails,
    onBegin,
  }: {
    readonly fails: (round: number) => boolean;
    readonly onBegin: (round: number, control: { readonly own: Float32Array; readonly global: Float32Array }) => void;
  },
): LocalTrainer {
  const [slope = 0, minimum = 0, steps = 1] = [slopes[client], minima[client], localSteps[client]];
  return {
    ...{ samples: 1, testSamples: 0 },
    async train(_task, { values, control, round }) {
      if (control === undefined) throw new Error("a round of SCAFFOLD without controls");
      onBegin(round, control);
      if (fails(round)) throw new Error("the training fails");
      const y = values.slice();
      for (let taken = 0; taken < steps; taken += 1) {
        const gradient = y.map((value) => slope * (value - minimum));
        correctGradient(gradient, control.own, control.global);
        for (const [key, value] of gradient.entries()) y[key] = (y[key] ?? 0) - learningRate * value;
      }
      const pass = { received: values, trained: y, steps, learningRate };
      const controlChange = renewControl(control.own.slice(), control.global, pass);
      const update = y.map((value, key) => value - (values[key] ?? 0));
      return { update, personal: null, controlChange, samples: 1, steps, loss: 1 };
    },
    evaluate: async () => null,
    close: async () => undefined,
  };
}
