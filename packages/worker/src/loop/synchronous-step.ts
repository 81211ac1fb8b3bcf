/**
 * One synchronous step of one worker: a contribution for each slot that it owns, from the values of this clock.
 *
 * Slots may come while the step waits for others (a worker has died): they are computed from the same values, which the
 * next ones, pulled into the other buffer, do not touch. A shard that has the dead worker's contribution ignores ours.
 *
 * A worker that died in the middle of its push leaves a step that some shards have applied and others have not. Then
 * only those still in the step have its values: whoever is given the slots afresh cannot compute them. So whoever waits
 * for longer than `stepInMs` steps in and contributes the slots of the others too; those that are not needed change
 * nothing. Where slots keep something it has none of it: those that counted are reported, with their step.
 *
 * Invariants
 *   S1  A slot is contributed at most once a step, and once more by who steps in after its contribution was acknowledged.
 *   S2  The pull of the next clock is under way exactly once, with the last of the slots known when it is sent.
 */
import { isShoalError, ShoalError } from "@shoal/errors";
import type { BatchRange, PushReply } from "@shoal/protocol";
import type { Contribution, PullTarget, ShardVersions } from "../client/contribution.ts";
import type { ComputedIn } from "../client/exchange-kind.ts";
import { isUnused } from "../client/push-encoders.ts";
import { beginBatch, overlaps, pushMeanwhile, type BatchUnderWay } from "./batch-under-way.ts";
import { createEarlyStart, type EarlyStart } from "./early-start.ts";
import { isEvaluationDue } from "./evaluation-schedule.ts";
import {
  contributionOf,
  evaluateAndReport,
  measuredOf,
  single,
  type LoopPorts,
  type PulledValues,
  type StoppedLoop,
} from "./training-loop.ts";
import type { VectorBuffer } from "./training-buffers.ts";

/** Time without a change that a worker waits for the contributions of others before it computes them itself. */
export const stepInMs = 10_000;

export type StepEnd =
  /** Every shard is beyond this clock; the versions pulled meanwhile, undefined after the last step. */
  | {
      readonly kind: "stepped";
      readonly pulled: ShardVersions | undefined;
      /** A batch of the next step, from the buffer of its values. */
      readonly early: EarlyStart | undefined;
    }
  | StoppedLoop;

/**
 * Runs the step that starts from `values`, all of version `clock`. The worker owns a slot when it begins.
 * @param next buffer for the values of the next clock
 * @param begun the first of its batches, if the step before has begun it
 */
export async function runSynchronousStep(
  ports: LoopPorts,
  clock: number,
  values: PulledValues,
  next: VectorBuffer,
  begun?: BatchUnderWay,
): Promise<StepEnd> {
  const step = createStep(ports, clock, values, next);
  try {
    const end = await carryOut(step, ports, clock, values, begun);
    if (end.kind === "stopped") await step.early?.cancel();
    return end;
  } catch (error) {
    await step.early?.cancel();
    if (isShoalError(error, "privacy_budget_spent")) return endHere(ports, clock, values, error.message);
    throw error;
  }
}

/** These values are the last ones: another step would break a promise. */
async function endHere(ports: LoopPorts, clock: number, values: PulledValues, why: string): Promise<StepEnd> {
  const reason = why.replace(/^\[[a-z_]+\] /, "the privacy budget is spent: ").slice(0, 1_024);
  const stopped = await evaluateAndReport(ports, values, clock, reason);
  if (stopped !== undefined) return stopped;
  throw new ShoalError("run_failed", `the coordinator wants another step, but ${reason}`);
}

async function carryOut(
  step: Step,
  ports: LoopPorts,
  clock: number,
  values: PulledValues,
  begun: BatchUnderWay | undefined,
): Promise<StepEnd> {
  const entering = ports.slotStates?.enter(clock);
  if (entering !== undefined) await entering;
  if (begun !== undefined) await step.contribute(begun.batches.begin - clock * ports.plan.slots, begun);
  const everySlot = Array.from({ length: ports.plan.slots }, (_, slot) => slot);
  let stepsIn = false;
  for (;;) {
    const { revision } = ports.board.current();
    const [slot] = (stepsIn ? everySlot : slotsAt(ports, clock)).filter((each) => !step.contributed.has(each)); // S1
    if (slot === undefined) {
      const { changed, stop } = ports.board.watch(revision);
      const impatient = Promise.withResolvers<void>();
      const patience = ports.clock.after(stepInMs * (ports.patience ?? 1), () => {
        stepsIn = true;
        step.repeatAcknowledged();
        impatient.resolve();
      });
      const isOver = await step.endedBefore(Promise.race([changed, impatient.promise])).finally(() => {
        patience.cancel();
        stop();
      });
      if (isOver) {
        ports.slotStates?.stoodIn(step.stoodIn);
        return { kind: "stepped", pulled: await step.pulled, early: step.early };
      }
    } else {
      await step.early?.cancel(); // T2: the computing is needed for this step
      if (slot === 0 && isEvaluationDue(clock, ports.job.evaluation, ports.plan)) {
        const stopped = await evaluateAndReport(ports, values, clock);
        if (stopped !== undefined) return stopped;
      }
      const restoring = ports.slotStates?.restore(slot, clock);
      if (restoring !== undefined) await restoring;
      await step.contribute(slot);
    }
  }
}

interface Step {
  readonly contributed: ReadonlySet<number>;
  /** Of these, those that were another worker's. */
  readonly stoodIn: readonly number[];
  readonly pulled: Promise<ShardVersions> | undefined;
  readonly early: EarlyStart | undefined;
  contribute(slot: number, begun?: BatchUnderWay): Promise<void>;
  /** Lets slots be contributed again that were acknowledged: a shard may have lost them with its primary since. */
  repeatAcknowledged(): void;
  /** Waits for the end of the step; false when `change` came first. */
  endedBefore(change: Promise<void>): Promise<boolean>;
}

function createStep(ports: LoopPorts, clock: number, values: PulledValues, next: VectorBuffer): Step {
  const { plan, client, reporter } = ports;
  const book = createSlotBook();
  const { contributed, others, repeatAcknowledged } = book;
  const pushes: Promise<void>[] = [];
  const isLastStep = clock + 1 >= plan.totalSteps;
  let early: EarlyStart | undefined;
  const target = targetOf(clock + 1, values, next, () => early);
  let pulled: Promise<ShardVersions> | undefined;
  /** Since when this worker has nothing to compute. */
  let idleSinceMs = ports.clock.now();

  return {
    contributed,
    get stoodIn() {
      return [...others];
    },
    get pulled() {
      return pulled;
    },
    get early() {
      return early;
    },
    repeatAcknowledged,
    async contribute(slot, begun) {
      contributed.add(slot);
      if (begun === undefined && !slotsAt(ports, clock).includes(slot)) others.add(slot);
      const batches = single(clock * plan.slots + slot);
      const under = begun ?? beginBatch(ports, batches, values);
      const { gradient } = under;
      const { computed, push } = await pushMeanwhile(under, (computing) => {
        const who = { ...whose(ports, clock, slot), ...(others.has(slot) && { standsIn: true }) };
        const contribution = { ...contributionOf(clock, batches, values, gradient, computing), ...who };
        const isLastSlot = slotsAt(ports, clock).every((own) => contributed.has(own));
        const pulls = isLastSlot && !isLastStep && pulled === undefined;
        if (pulls) early = startEarly(ports, clock + 1, next);
        const started = client.stagedPush(contribution, pulls ? target : undefined);
        if (pulls) pulled = heard(started.outcome.then((outcome) => outcome.pulled)); // S2
        return started;
      });
      idleSinceMs = ports.clock.now();
      const pushed = push.outcome.then((outcome) => outcome.pushed);
      pushes.push(heard(hearShards(ports, clock, book, { pushed, batches, gradient, computed })));
    },
    async endedBefore(change) {
      if (pulled === undefined && !isLastStep) pulled = heard(client.pull(target)); // S2
      const ended = Promise.all([pulled, ...pushes]).then(() => true);
      const isOver = await Promise.race([ended, change.then(() => false)]);
      const now = ports.clock.now();
      reporter.add({ clock, waitMs: Math.max(0, (early?.begunAtMs ?? now) - idleSinceMs) });
      idleSinceMs = now;
      if (ports.signal.aborted) throw new ShoalError("cancelled", "the run was stopped");
      return isOver;
    },
  };
}

interface PushedSlot {
  readonly pushed: Promise<readonly PushReply[]>;
  readonly batches: BatchRange;
  readonly gradient: VectorBuffer;
  readonly computed: ComputedIn;
}

/** Waits for the answers of all shards, and reports what they mean. */
async function hearShards(
  { plan, buffers, reporter }: LoopPorts,
  clock: number,
  { acknowledge, others }: SlotBook,
  { pushed, batches, gradient, computed }: PushedSlot,
): Promise<void> {
  const replies = await pushed.finally(() => buffers.returnGradient(gradient));
  const slot = batches.begin - clock * plan.slots;
  acknowledge(slot);
  // Also where a shard rejected it: the step is over there, so somebody else's contribution of the batch counted.
  reporter.completed(batches);
  const counts = others.has(slot) && replies.some((reply) => !isUnused(reply));
  const stoodIn = counts ? { stoodIn: [{ slot, step: clock }] } : {};
  reporter.add({ clock: clock + 1, replies, ...measuredOf(computed), ...stoodIn });
}

interface SlotBook {
  readonly contributed: Set<number>;
  /** Of these, those that were another worker's. */
  readonly others: Set<number>;
  readonly acknowledge: (slot: number) => void;
  readonly repeatAcknowledged: () => void;
}

/** Which slots of a step have been contributed, and of which that is known to have been heard. */
function createSlotBook(): SlotBook {
  const contributed = new Set<number>();
  const acknowledged = new Set<number>();
  return {
    contributed,
    others: new Set(),
    acknowledge: (slot) => void acknowledged.add(slot),
    repeatAcknowledged() {
      for (const slot of acknowledged) contributed.delete(slot);
      acknowledged.clear();
    },
  };
}

function targetOf(
  clock: number,
  values: PulledValues,
  next: VectorBuffer,
  early: () => EarlyStart | undefined,
): PullTarget {
  const arrived = (index: number, version: number): void => early()?.arrived(index, version);
  return { clock, into: next.values, former: values.buffer.values, arrived };
}

/**
 * Which shards have their turn in a step, and whose error goes along: the slot's. In a warm-up slots are nobody's for long, and
 * what is unsent stays with the worker.
 */
function whose({ isDue, job }: LoopPorts, clock: number, slot: number): Pick<Contribution, "isDue" | "slot"> {
  return {
    isDue: isDue && ((index) => isDue(clock, index)),
    ...(job.consistency.mode === "synchronous" && { slot }),
  };
}

/** The beginning of the next step, if it can begin before all of its values are there: nothing is to be measured first. */
function startEarly(ports: LoopPorts, clock: number, into: VectorBuffer): EarlyStart | undefined {
  const { board, job, plan } = ports;
  const { stepCuts } = board.current();
  const slots = slotsAt(ports, clock);
  const [slot] = slots;
  if (slot === undefined || !overlaps(ports)) return undefined;
  if (stepCuts !== undefined && clock >= stepCuts.until) return undefined;
  if (slots.includes(0) && isEvaluationDue(clock, job.evaluation, plan)) return undefined;
  if (ports.slotStates?.isDue(clock, slot) === true) return undefined;
  void ports.slotStates?.enter(clock);
  return createEarlyStart(ports, { batches: single(clock * plan.slots + slot), into, version: clock });
}

/** Slots that this worker computes in a step. */
function slotsAt({ board, slotStates }: LoopPorts, clock: number): readonly number[] {
  const { slots } = board.current();
  return slotStates?.computed(slots, clock) ?? slots;
}

/** A promise whose failure is looked at later: until then it must not count as one that nobody handles. */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
