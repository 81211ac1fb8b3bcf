/**
 * The engine behind every compute port: a compiled plan with its data. Knows no threads, clocks or processes.
 *
 * A batch is a set of positions in the seeded order of its epoch, so two workers with the same number of a batch compute
 * the same bits from the same parameters.
 */
import { ShoalError } from "@shoal/errors";
import type { KernelBuild, KernelModules, Kernels, Offset, Region } from "@shoal/kernels-wasm";
import {
  compile,
  createShuffle,
  createBatchFiller,
  initializeParameters,
  layoutOf,
  planBytes,
  regionMemory,
  type BatchFiller,
  type LossScale,
  type ModelSpec,
  type OpenRecords,
  type Plan,
  type PlanGates,
  type PlanMemory,
  type Precision,
  type Split,
} from "@shoal/models";
import type { TestResult } from "@shoal/protocol";
import type { ComputedIn } from "../client/exchange-kind.ts";
import { createBatchGradient, onlyAsked, type BatchGradient } from "./batch-gradient.ts";
import { clipGradient, type ClipPlan } from "./clip-gradient.ts";
import type { GradientWork } from "./compute-port.ts";
import { createLocalRound } from "./local-round.ts";
import type { LocalPlan } from "./local-updates.ts";
import { createTeaching, teacherBytes, type Teacher } from "./teachers.ts";
import { createTestEvaluation } from "./test-evaluation.ts";

/** What is computed: plain data that can be posted to a thread; splits on shared memory are not copied. */
export interface ComputeSubject {
  readonly model: ModelSpec;
  readonly seed: number;
  /** Most samples of one gradient. */
  readonly batchSize: number;
  /** Gradient accumulation: most samples that are computed at once; null or absent: a batch in one piece. */
  readonly microBatch?: number | null;
  /** Absent: float32. */
  readonly precision?: Precision;
  /** Absent: 1. */
  readonly lossScale?: LossScale;
  /** What is measured on the test split; null or absent: what suits the model's losses. */
  readonly metrics?: readonly string[] | null;
  /** Bound on the gradient of each batch; null or absent: none. */
  readonly clip?: ClipPlan | null;
  /** What is done with gradients on the worker itself; null or absent: they are pushed. */
  readonly local?: LocalPlan | null;
  /** Compute with the kernels that give the same bits on every engine and processor. */
  readonly deterministic?: boolean;
  /** Models whose logits are the targets of a distillation. */
  readonly teachers?: readonly Teacher[];
  readonly train: Split;
  readonly test: Split;
}

export interface ComputeTask {
  initialize(into: Offset): void;
  /** @param gates - asked and told within the call; told nothing where the gradient is final at its end only */
  gradient(work: GradientWork, gates?: PlanGates): ComputedIn;
  evaluate(parameters: Offset): TestResult;
  dispose(): void;
}

/** The kernels to compute a subject with. */
export function buildFor(subject: ComputeSubject, modules: KernelModules): KernelBuild {
  return subject.deterministic === true || modules.relaxed === undefined ? "baseline" : "relaxed";
}

export interface ComputeTaskOptions {
  /** Of the build that `buildFor` names. */
  readonly kernels: Kernels;
  /** Gives the plan its region of `computeTaskBytes`. */
  readonly memory: PlanMemory;
  /** ms since the Unix epoch. */
  readonly now: () => number;
  /** Opens the files of stored columns; without it there may be none. */
  readonly openRecords?: OpenRecords | undefined;
}

/** Rows of an evaluation batch, where training batches are smaller and a plan for so many is small. */
const evaluationRows = 128;
const evaluationPlanBytes = 32 * 2 ** 20;

const floatBytes = Float32Array.BYTES_PER_ELEMENT;
const alignment = 64;

type Sizes = Pick<ComputeSubject, "model" | "batchSize" | "microBatch" | "precision" | "teachers">;

function planRows({ model, batchSize, microBatch, precision }: Sizes): number {
  if (isCut(batchSize, microBatch)) return microBatch;
  const isSmall = batchSize < evaluationRows && planBytes(model, evaluationRows, precision) <= evaluationPlanBytes;
  return isSmall ? evaluationRows : batchSize;
}

function isCut(batchSize: number, microBatch: number | null | undefined): microBatch is number {
  return typeof microBatch === "number" && microBatch < batchSize;
}

/** Bytes of kernel memory that a task needs beside its kernels' scratch. */
export function computeTaskBytes(subject: Sizes): number {
  return studentBytes(subject) + teacherBytes(subject.teachers ?? [], planRows(subject));
}

function studentBytes(subject: Sizes): number {
  const { model, batchSize, microBatch, precision } = subject;
  const plan = planBytes(model, planRows(subject), precision);
  // The gradient of a piece stands behind the plan while it is added to that of the batch.
  const bytes = isCut(batchSize, microBatch) ? plan + layoutOf(model).size * floatBytes : plan;
  return Math.ceil(bytes / alignment) * alignment;
}

/** Compiles the model. @throws ShoalError out_of_memory */
export function createComputeTask(subject: ComputeSubject, options: ComputeTaskOptions): ComputeTask {
  const { model, seed, train, test, precision, lossScale } = subject;
  const { kernels, memory, now } = options;
  const whole = memory.allocate(computeTaskBytes(subject));
  const plan = compile(model, {
    kernels,
    memory: regionMemory(memory.memory, whole),
    batchSize: planRows(subject),
    precision,
    lossScale,
  });
  const fillers = createFillers(subject, plan, whole, options);
  const shuffle = createShuffle(seed, train.count);
  const gradientOf = createBatchGradient({
    plan,
    filler: fillers.train,
    kernels,
    seed,
    pieceRows: plan.batchSize,
    partial: whole.byteOffset + plan.peakBytes,
  });
  const gradient = createCheckedGradient(subject, kernels, (work, gates) =>
    gradientOf(work, shuffle.order(work.epoch), gates),
  );
  const localRound = createLocalRound(subject, gradient, { kernels, memory: memory.memory });
  return {
    initialize(into) {
      const values = new Float32Array(memory.memory.buffer, into, layoutOf(model).size);
      initializeParameters(model, seed, values);
    },
    gradient(work, gates) {
      const startedAtMs = now();
      const isLocal = localRound !== undefined && work.replica !== undefined;
      const arrive = (): void => gates?.need(plan.layout.size);
      const { samples, loss } = isLocal ? localRound(work, work.replica, arrive) : gradient(work, gates);
      return { startedAtMs, endedAtMs: now(), samples, loss };
    },
    evaluate: createTestEvaluation({
      plan,
      filler: fillers.test,
      taughtFiller: fillers.taughtTest,
      count: test.count,
      memory: memory.memory,
      metrics: subject.metrics ?? null,
    }),
    dispose() {
      fillers.train.close();
      fillers.taughtTest.close();
      plan.dispose();
      memory.free(whole);
    },
  };
}

type WorkGradient = (work: GradientWork, gates?: PlanGates) => BatchGradient;

/** The gradient of one batch, clipped as the subject says, weighted as the work does. @throws ShoalError not_finite */
function createCheckedGradient(subject: ComputeSubject, kernels: Kernels, compute: WorkGradient): WorkGradient {
  const clip = subject.clip ?? null;
  const { size } = layoutOf(subject.model);
  return (work, gates) => {
    const { epoch, begin, end, weight = 1 } = work;
    const isWorkedOn = clip !== null || weight !== 1;
    const computed = compute(work, !isWorkedOn || gates === undefined ? gates : onlyAsked(gates));
    const where = `positions ${begin} to ${end} of epoch ${epoch}`;
    if (!Number.isFinite(computed.loss)) throw diverged(`the training loss of ${where}`);
    if (clip !== null && computed.samples > 0 && !clipGradient(clip, kernels, work.gradient)) {
      throw diverged(`the gradient of ${where}`);
    }
    if (weight !== 1 && computed.samples > 0) kernels.scale(work.gradient, size, weight);
    return computed;
  };
}

interface Fillers {
  readonly train: BatchFiller;
  readonly test: BatchFiller;
  /** With the logits of teachers as targets, where there are any; closes `test`. */
  readonly taughtTest: BatchFiller;
}

function createFillers(subject: ComputeSubject, plan: Plan, whole: Region, options: ComputeTaskOptions): Fillers {
  const { kernels, memory, openRecords } = options;
  const taught = studentBytes(subject);
  const teaching = createTeaching(subject.teachers ?? [], {
    kernels,
    memory: memory.memory,
    region: { byteOffset: whole.byteOffset + taught, byteLength: whole.byteLength - taught },
    plan,
    openRecords,
  });
  const test = createBatchFiller(subject.test, plan, openRecords);
  const train = teaching.fillerOf(subject.train, createBatchFiller(subject.train, plan, openRecords));
  return { train, test, taughtTest: teaching.fillerOf(subject.test, test) };
}

function diverged(what: string): ShoalError {
  return new ShoalError("not_finite", `${what} is not a finite number: training has diverged, lower the learning rate`);
}
