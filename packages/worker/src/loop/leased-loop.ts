/** The loop of bounded and asynchronous runs: batches by lease, until there are none left. */
import type { BatchesReply } from "@shoal/protocol";
import { pause } from "../time/pause.ts";
import { cutLease } from "./cut-lease.ts";
import { createGatedSteps, createPrefetchingSteps, type LeasedSteps } from "./leased-steps.ts";
import { evaluateAndReport, type LoopEnd, type LoopPorts, type StoppedLoop } from "./training-loop.ts";

type Grant = Extract<BatchesReply, { type: "batches_granted" }>;

/**
 * @param firstClock where this worker's clock begins: after the steps of a warm-up
 * @throws ShoalError whatever ended the run: `cancelled` when it was stopped
 */
export async function runLeasedLoop(ports: LoopPorts, firstClock = 0): Promise<LoopEnd> {
  const { job, coordinator, reporter } = ports;
  const prefetches = job.consistency.mode === "asynchronous" && job.prefetch;
  const steps = prefetches ? createPrefetchingSteps(ports, firstClock) : createGatedSteps(ports, firstClock);
  const nextLease = async (): Promise<BatchesReply> => {
    // A lease that the coordinator does not know to be done would be granted again.
    await reporter.flush();
    const reply = await coordinator.requestBatches();
    if (reply.type === "batches_pending") await pause(ports.clock, reply.retryAfterMs, ports.signal);
    return reply;
  };
  for (;;) {
    const sinceMs = ports.clock.now();
    if (ports.leaving?.aborted === true) {
      // What of the lease is not reported goes back with the membership.
      await reporter.flush();
      return { kind: "finished", reason: "this worker leaves" };
    }
    const reply = await nextLease();
    if (reply.type === "batches_exhausted") return { kind: "finished", reason: "every batch is done" };
    // Who waits for work waits, as who waits for values does.
    reporter.add({ clock: steps.clock, waitMs: ports.clock.now() - sinceMs });
    if (reply.type === "batches_pending") continue;
    const stopped = await work(ports, steps, reply);
    if (stopped !== undefined) return stopped;
  }
}

/** @returns how the run ends here; undefined when it goes on */
async function work(ports: LoopPorts, steps: LeasedSteps, grant: Grant): Promise<StoppedLoop | undefined> {
  const { batches, perIteration = 1 } = grant;
  const leaves = (): boolean => ports.leaving?.aborted === true;
  if (grant.evaluateFirst && !leaves()) {
    const stopped = await evaluateAndReport(ports, await steps.pull(), batches.begin);
    if (stopped !== undefined) return stopped;
  }
  const iterations = cutLease(batches, perIteration, ports.plan.batchesPerEpoch);
  for (const [index, each] of iterations.entries()) {
    if (leaves()) break;
    await steps.run(each, iterations[index + 1]);
  }
  await steps.drain();
  return undefined;
}
