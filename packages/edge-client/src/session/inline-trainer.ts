/**
 * Trains on the thread that asks: in Node, or within a page's compute worker. One model at a time; another one takes the
 * place of the last.
 */
import { nextTurn } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";
import {
  batchOf,
  packShared,
  personalSpans,
  sharedKeys,
  systemRandomBytes,
  unpackShared,
  type RandomBytes,
  type SharedKeys,
  type TaskDescription,
} from "@shoal/federated";
import type { KernelBuild, KernelModules } from "@shoal/kernels-wasm";
import { initializeParameters, parseModelSpec, type ModelSpec, type Split } from "@shoal/models";
import type { EdgeTrainer } from "../edge-trainer.ts";
import { checkSplit } from "./check-split.ts";
import type { CorrectedTraining } from "./corrected-training.ts";
import type { hideUpdate } from "./hide-update.ts";
import type { LocalControl, LocalTrainer, LocalValues } from "./local-training.ts";

export interface InlineTrainerOptions {
  /** From `loadKernelModules()`. */
  readonly modules: KernelModules;
  readonly data: Split;
  readonly testData?: Split;
  readonly build?: "auto" | KernelBuild;
  /** Bytes that training may take; default 256 MiB. */
  readonly memoryBytes?: number;
  /** Awaited after every step, so that whoever shares the thread is heard: default, a turn of the event loop. */
  readonly pause?: () => Promise<void>;
  /** Draws the noise of local privacy; default: the platform's cryptographic generator. */
  readonly randomBytes?: RandomBytes;
}

interface Equipment {
  readonly key: string;
  readonly spec: ModelSpec;
  readonly trainer: EdgeTrainer;
  readonly shared: SharedKeys;
}

/** @throws RangeError - data that are not what they say of themselves */
export function createInlineTrainer(options: InlineTrainerOptions): LocalTrainer {
  const { data, testData, pause = nextTurn, randomBytes = systemRandomBytes } = options;
  checkSplit(data);
  if (testData !== undefined) checkSplit(testData);
  let current: Equipment | undefined;
  const equip = async (task: TaskDescription): Promise<Equipment> => {
    const batchSize = batchOf(task.local, data.count);
    const key = JSON.stringify([task.model, batchSize, task.local.personal]);
    const equipment = current?.key === key ? current : { key, ...(await build(options, task, batchSize)) };
    current = equipment;
    return equipment;
  };
  return {
    samples: data.count,
    testSamples: testData?.count ?? 0,
    async train(task, work) {
      const { draw, local, signal, onProgress } = work;
      const { epochs, learningRate, momentum, proximal, seed } = local;
      const own = await equip(task);
      const parameters = wholeOf(own, task, work);
      const corrected = await correcting(work.control);
      const before = local.lossAt === "received" ? own.trainer.measure(parameters, data).loss : undefined;
      const { update, samples, steps, loss } = await own.trainer.train({
        ...{ parameters, data, epochs, learningRate, momentum, proximal, signal },
        correction: corrected?.correction(task, own.shared),
        // Another order in each step, the same one after a reload.
        seed: (seed + 0x9e3779b1 * draw) % 2 ** 32,
        onEpoch: (epoch, mean) => onProgress?.({ epoch, loss: mean }),
        pause,
      });
      const sent = new Float32Array(own.shared.count);
      packShared(own.shared, update, sent);
      const controlChange = corrected?.change(task, sent, steps);
      await hide(sent, clipOf(task, work.clip), task.privacy.localNoise, randomBytes);
      const personal = local.personal.length === 0 ? null : parameters.map((value, key) => value + (update[key] ?? 0));
      return { update: sent, personal, controlChange, samples, steps, loss: before ?? loss };
    },
    async evaluate(task, values) {
      if (testData === undefined) return null;
      const own = await equip(task);
      return own.trainer.measure(wholeOf(own, task, values), testData);
    },
    async close() {
      current = undefined;
    },
  };
}

/** What training takes is loaded when a round first wants it: many clients wait long until they are drawn. */
async function build(
  { modules, build: kernelBuild, memoryBytes }: InlineTrainerOptions,
  { model, size, local }: TaskDescription,
  batchSize: number,
): Promise<Omit<Equipment, "key">> {
  const { createEdgeTrainer } = await import("../edge-trainer.ts");
  const spec = parseModelSpec(model, "model");
  const trainer = createEdgeTrainer({
    ...{ modules, spec, batchSize },
    ...(kernelBuild !== undefined && { build: kernelBuild }),
    ...(memoryBytes !== undefined && { memoryBytes }),
  });
  const shared = sharedKeys(trainer.layout.size, personalSpans(trainer.layout.segments, local.personal));
  if (shared.count === size) return { spec, trainer, shared };
  const details = { expected: shared.count, found: size };
  throw new ShoalError("layout_mismatch", `the task has ${size} values, its model shares ${shared.count}`, details);
}

/** Received values, with this client's own where layers stay here: at first those that the model begins with. */
function wholeOf({ spec, shared }: Equipment, { local }: TaskDescription, own: LocalValues): Float32Array {
  if (shared.count === shared.size) return own.values;
  const whole = new Float32Array(shared.size);
  if (own.personal?.length === shared.size) whole.set(own.personal);
  else initializeParameters(spec, local.seed, whole);
  unpackShared(shared, own.values, whole);
  return whole;
}

/** Most tasks have no controls: what those take comes when one has. */
async function correcting(control: LocalControl | undefined): Promise<CorrectedTraining | undefined> {
  if (control === undefined) return undefined;
  const { createCorrectedTraining } = await import("./corrected-training.ts");
  return createCorrectedTraining(control);
}

/**
 * The norm that a round clips to. It follows the clients' norms where the aggregator adds the noise; noise of the client's own
 * is for the norm of the task, and no round may ask for a greater one.
 */
function clipOf({ privacy }: TaskDescription, ofRound: number | null): number | null {
  const { clip, localNoise, secure } = privacy;
  if (ofRound === null || clip === null) return ofRound ?? clip;
  return localNoise > 0 || secure !== null ? Math.min(ofRound, clip) : ofRound;
}

/** Nor is anything hidden by most. */
async function hide(...args: Parameters<typeof hideUpdate>): Promise<void> {
  const [, clip, deviation] = args;
  if (clip === null && deviation === 0) return;
  const { hideUpdate: hideNow } = await import("./hide-update.ts");
  hideNow(...args);
}
