/**
 * The synchronous training loop: step c from the values of version c, until the last step.
 *
 * The loop needs the coordinator for changes of slots and for evaluations only: with a known assignment it goes on while
 * the coordinator is away. A reported clock stands for all batches of the steps before it, whoever computed them.
 */
import { pause } from "../time/pause.ts";
import { orAborted } from "../time/or-aborted.ts";
import { whenAborted } from "../time/when-aborted.ts";
import type { EarlyStart } from "./early-start.ts";
import { runSynchronousStep, type StepEnd } from "./synchronous-step.ts";
import { untilCut } from "./step-cuts.ts";
import { settleOnStep } from "./settle-on-step.ts";
import type { LoopEnd, LoopPorts, PulledValues } from "./training-loop.ts";

/** Ranges that wait for a report before they are put together (the coordinator is away or slow). */
const maximumBacklog = 1024;

/** @throws ShoalError whatever ended the run: `cancelled` when it was stopped */
export async function runSynchronousLoop(ports: LoopPorts): Promise<LoopEnd> {
  const { plan, board, reporter, client } = ports;
  let [current, next] = ports.buffers.parameters;
  let values: PulledValues | undefined;
  let early: EarlyStart | undefined;
  let clock = 0;
  while (clock < plan.totalSteps) {
    if (ports.leaving?.aborted === true) {
      await early?.cancel();
      await reporter.flush();
      return { kind: "finished", reason: "this worker leaves" };
    }
    if (board.current().slots.length === 0) {
      await early?.cancel();
      early = undefined;
      values = undefined; // the others go on without us
      await waitForSlots(ports);
      // After a warm-up there are none to wait for: the shards say how far it is.
      if (endsInLeases(ports)) clock = Math.max(...(await client.pull({ clock: 0, into: current.values })));
      continue;
    }
    if (values === undefined) {
      const versions = await client.pull({ clock, into: current.values });
      values = await settleOnStep(client, { buffer: current, versions }, plan.totalSteps);
      clock = clockOf(values);
      continue;
    }
    if (reporter.backlog > maximumBacklog) reporter.completed({ begin: 0, end: clock * plan.slots });
    await untilCut(ports, clock);
    const end: StepEnd = await runSynchronousStep(ports, clock, values, next, early?.adopt());
    if (end.kind === "stopped") {
      await reporter.flush();
      return end;
    }
    clock += 1;
    early = undefined;
    if (end.pulled === undefined) break;
    [current, next] = [next, current];
    early = end.early;
    if (!end.pulled.every((version) => version === clock)) await early?.cancel();
    values = await settleOnStep(client, { buffer: current, versions: end.pulled }, plan.totalSteps);
    clock = clockOf(values);
  }
  reporter.add({ clock: plan.totalSteps });
  await reporter.flush();
  return { kind: "finished", reason: `all ${plan.totalSteps} steps are done` };
}

function clockOf({ versions }: PulledValues): number {
  return Math.max(...versions);
}

function endsInLeases({ job }: LoopPorts): boolean {
  return job.consistency.mode !== "synchronous";
}

/** How often a worker without slots looks whether the warm-up is over, ms. */
const lookMs = 200;

async function waitForSlots({ job, board, clock, signal, leaving }: LoopPorts): Promise<void> {
  const { changed, stop } = board.watch(board.current().revision);
  const left = Promise.withResolvers<void>();
  const deaf = whenAborted(leaving, () => left.resolve());
  const looks = job.consistency.mode === "synchronous" ? [] : [pause(clock, lookMs, signal)];
  const patience = Promise.race([changed, left.promise, ...looks]);
  await orAborted(patience, signal, "waiting for the coordinator to give it slots").finally(() => {
    stop();
    deaf();
  });
}

/**
 * The synchronous steps at the beginning of a bounded or asynchronous run: step c consists of the batches
 * `[c·slots, (c+1)·slots)`. Nothing is measured on the way: evaluations count in batches there.
 * @param slots contributions to one step; @param steps how many there are
 */
export async function runWarmUp(ports: LoopPorts, slots: number, steps: number): Promise<LoopEnd> {
  const plan = { ...ports.plan, slots, totalSteps: steps };
  const job = { ...ports.job, evaluation: { ...ports.job.evaluation, everySteps: steps + 1 } };
  return runSynchronousLoop({ ...ports, plan, job });
}
