/**
 * One synchronous step of one worker: a contribution for each slot that it owns, from the values of this clock.
 *
 * Slots may come while the step waits for others (a worker has died): they are computed from the same values, which the
 * next ones, pulled into the other buffer, do not touch. A shard that has the dead worker's contribution ignores ours.
 *
 * A worker that died in the middle of its push leaves a step that some shards have applied and others have not. Then
 * only those still in the step have its values: whoever is given the slots afresh cannot compute them. So whoever waits
 * for longer than `stepInMs` steps in and contributes the slots of the others too; those that are not needed change
 * nothing.
 *
 * Invariants
 *   S1  A slot is contributed at most once a step.
 *   S2  The pull of the next clock is under way exactly once, with the last of the slots known when it is sent.
 */
import { ShoalError } from "@shoal/errors";
import type { PushReply } from "@shoal/protocol";
import type { ShardVersions } from "../client/contribution.ts";
import { isEvaluationDue } from "./evaluation-schedule.ts";
import {
  computeBatch,
  contributionOf,
  evaluateAndReport,
  type LoopPorts,
  type PulledValues,
  type StoppedLoop,
} from "./training-loop.ts";
import type { VectorBuffer } from "./training-buffers.ts";

/** Time without a change that a worker waits for the contributions of others before it computes them itself. */
export const stepInMs = 10_000;

export type StepEnd =
  /** Every shard is beyond this clock; the versions pulled meanwhile, undefined after the last step. */
  { readonly kind: "stepped"; readonly pulled: ShardVersions | undefined } | StoppedLoop;

/**
 * Runs the step that starts from `values`, all of version `clock`. The worker owns a slot when it begins.
 * @param next buffer for the values of the next clock
 */
export async function runSynchronousStep(
  ports: LoopPorts,
  clock: number,
  values: PulledValues,
  next: VectorBuffer,
): Promise<StepEnd> {
  const step = createStep(ports, clock, values, next);
  const everySlot = Array.from({ length: ports.plan.slots }, (_, slot) => slot);
  let stepsIn = false;
  for (;;) {
    const { revision, slots } = ports.board.current();
    const [slot] = (stepsIn ? everySlot : slots).filter((each) => !step.contributed.has(each)); // S1
    if (slot === undefined) {
      const { changed, stop } = ports.board.watch(revision);
      const impatient = Promise.withResolvers<void>();
      const patience = ports.clock.after(stepInMs, () => {
        stepsIn = true;
        impatient.resolve();
      });
      const isOver = await step.endedBefore(Promise.race([changed, impatient.promise])).finally(() => {
        patience.cancel();
        stop();
      });
      if (isOver) return { kind: "stepped", pulled: await step.pulled };
    } else {
      if (slot === 0 && isEvaluationDue(clock, ports.job.evaluation, ports.plan)) {
        const stopped = await evaluateAndReport(ports, values, clock);
        if (stopped !== undefined) return stopped;
      }
      await step.contribute(slot);
    }
  }
}

interface Step {
  readonly contributed: ReadonlySet<number>;
  readonly pulled: Promise<ShardVersions> | undefined;
  contribute(slot: number): Promise<void>;
  /** Waits for the end of the step; false when `change` came first. */
  endedBefore(change: Promise<void>): Promise<boolean>;
}

function createStep(ports: LoopPorts, clock: number, values: PulledValues, next: VectorBuffer): Step {
  const { plan, client, buffers, board, reporter } = ports;
  const contributed = new Set<number>();
  const pushes: Promise<void>[] = [];
  const isLastStep = clock + 1 >= plan.totalSteps;
  const target = { clock: clock + 1, into: next.values };
  let pulled: Promise<ShardVersions> | undefined;
  /** Since when this worker has nothing to compute. */
  let idleSinceMs = ports.clock.now();

  const acknowledged = async (
    push: Promise<readonly PushReply[]>,
    batch: number,
    gradient: VectorBuffer,
    measured: { readonly loss: number; readonly samples: number; readonly computeMs: number },
  ): Promise<void> => {
    const replies = await push.finally(() => buffers.returnGradient(gradient));
    // Also where a shard rejected it: the step is over there, so somebody else's contribution of the batch counted.
    reporter.completed({ begin: batch, end: batch + 1 });
    reporter.add({ clock: clock + 1, replies, ...measured });
  };
  return {
    contributed,
    get pulled() {
      return pulled;
    },
    async contribute(slot) {
      contributed.add(slot);
      const batch = clock * plan.slots + slot;
      const gradient = buffers.takeGradient();
      const computed = await computeBatch(ports, batch, values, gradient);
      const contribution = contributionOf(clock, batch, values, gradient, computed);
      idleSinceMs = ports.clock.now();
      const isLastSlot = board.current().slots.every((own) => contributed.has(own));
      let push: Promise<readonly PushReply[]>;
      if (isLastSlot && !isLastStep && pulled === undefined) {
        const both = client.pushPull(contribution, target); // S2
        push = both.then((outcome) => outcome.pushed);
        pulled = heard(both.then((outcome) => outcome.pulled));
      } else {
        push = client.push(contribution);
      }
      const computeMs = computed.endedAtMs - computed.startedAtMs;
      pushes.push(heard(acknowledged(push, batch, gradient, { ...computed, computeMs })));
    },
    async endedBefore(change) {
      if (pulled === undefined && !isLastStep) pulled = heard(client.pull(target)); // S2
      const ended = Promise.all([pulled, ...pushes]).then(() => true);
      const isOver = await Promise.race([ended, change.then(() => false)]);
      const now = ports.clock.now();
      reporter.add({ clock, waitMs: now - idleSinceMs });
      idleSinceMs = now;
      if (ports.signal.aborted) throw new ShoalError("cancelled", "the run was stopped");
      return isOver;
    },
  };
}

/** A promise whose failure is looked at later: until then it must not count as one that nobody handles. */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
