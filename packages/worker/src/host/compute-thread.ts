/** Entry of a compute thread: serves one request after the other on memory that its worker allocated. */
import { parentPort, workerData } from "node:worker_threads";
import { ShoalError } from "@shoal/errors";
import { attachKernels } from "@shoal/kernels-wasm";
import { regionMemory } from "@shoal/models";
import { openRecordFile } from "@shoal/models/host";
import { createComputeTask, type ComputeTask } from "../compute/compute-task.ts";
import type { ComputeReply, ComputeRequest, ComputeThreadData } from "./compute-messages.ts";
import { createThreadGates } from "./thread-gates.ts";
import type { ComputedIn } from "../client/exchange-kind.ts";

const { subject, attachment, plan, gate } = workerData as ComputeThreadData;
const now = (): number => performance.timeOrigin + performance.now();
const task = createComputeTask(subject, {
  kernels: attachKernels(attachment),
  memory: regionMemory(attachment.memory, plan),
  now,
  openRecords: openRecordFile,
});

function serve(request: ComputeRequest, engine: ComputeTask): ComputeReply {
  const { id } = request;
  try {
    switch (request.type) {
      case "initialize":
        engine.initialize(request.into);
        return { type: "initialized", id };
      case "gradient":
        return { type: "computed", id, computed: gradientOf(request, engine) };
      case "evaluate":
        return { type: "evaluated", id, result: engine.evaluate(request.parameters) };
    }
  } catch (error) {
    return { type: "failed", id, error: ShoalError.from(error).toJSON() };
  }
}

function gradientOf(
  { id, work, overlap }: Extract<ComputeRequest, { type: "gradient" }>,
  engine: ComputeTask,
): ComputedIn {
  if (overlap === undefined) return engine.gradient(work);
  const begun = { startedAtMs: now(), samples: work.end - work.begin };
  const tell = (key: number): void => say({ type: "final", id, key, begun });
  const gates = createThreadGates(gate, overlap, { now, tell });
  const computed = engine.gradient(work, gates);
  return gates.waitedMs === 0 ? computed : { ...computed, waitedMs: gates.waitedMs };
}

const say = (reply: ComputeReply): void => parentPort?.postMessage(reply);
parentPort?.on("message", (request: ComputeRequest) => say(serve(request, task)));
say({ type: "ready" });
