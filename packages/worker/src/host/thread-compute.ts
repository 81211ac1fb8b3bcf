/**
 * Computes in a thread of its own, so that heartbeats, pulls and pushes go on meanwhile.
 *
 * The thread works on the process's kernel memory, in regions that are allocated here; data sets on shared memory are
 * not copied. Bounds: one thread a port; the training loops have at most two requests under way.
 */
import { Worker } from "node:worker_threads";
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, KernelModules } from "@shoal/kernels-wasm";
import type { TestResult } from "@shoal/protocol";
import type { ComputedIn } from "../client/exchange-kind.ts";
import type { ComputePort, GradientOverlap } from "../compute/compute-port.ts";
import { allocateComputeRegions } from "../compute/compute-regions.ts";
import { buildFor, type ComputeSubject } from "../compute/compute-task.ts";
import type { ComputeReply, ComputeRequest, ComputeThreadData, ThreadOverlap } from "./compute-messages.ts";
import { createForwardGate, gateBytes } from "./thread-gates.ts";

export interface ThreadComputeOptions {
  /** Who computes, for errors: "worker-1". */
  readonly owner: string;
  /** Must be shared. */
  readonly memory: KernelMemory;
  readonly modules: KernelModules;
}

/** Sources run as they are under the condition that makes packages resolve to sources; a build needs none. */
const runsFromSources = import.meta.url.endsWith(".ts");
const entry = new URL(runsFromSources ? "./compute-thread.ts" : "./compute-thread.js", import.meta.url);
const execArgv = runsFromSources ? ["--conditions=shoal-source"] : [];

/**
 * Starts the thread and waits until its plan is compiled.
 * @throws RangeError when the memory is private; ShoalError out_of_memory, or `internal` when the thread crashes
 */
export async function startThreadCompute(subject: ComputeSubject, options: ThreadComputeOptions): Promise<ComputePort> {
  const { owner, memory, modules } = options;
  if (!memory.shared) throw new RangeError("a compute thread needs shared kernel memory");
  const regions = allocateComputeRegions(subject, memory);
  const build = buildFor(subject, modules);
  const attachment = { modules, memory: memory.memory, scratch: regions.scratch, build };
  const gate = new SharedArrayBuffer(gateBytes);
  const data: ComputeThreadData = { subject, attachment, plan: regions.plan, gate };
  const thread = new Worker(entry, { workerData: data, execArgv, name: `compute of ${owner}` });
  const requests = createRequestTable();
  const ready = Promise.withResolvers<void>();
  const end = (error: ShoalError): void => {
    ready.reject(error);
    requests.fail(error);
  };
  thread.on("message", (reply: ComputeReply) => {
    if (reply.type === "ready") ready.resolve();
    else if (reply.type === "final") requests.final(reply.id, reply.key, reply.begun);
    else requests.settle(reply);
  });
  thread.on("error", (cause) => end(crashed(owner, cause)));
  const exited = new Promise<void>((resolve) => {
    thread.once("exit", (code) => {
      end(crashed(owner, new Error(`it ended with code ${code}`)));
      regions.free();
      resolve();
    });
  });
  await ready.promise;
  const ask = <R extends Answer>(make: (id: number) => ComputeRequest, final?: Final): Promise<R> =>
    requests.open((id) => thread.postMessage(make(id)), final) as Promise<R>;
  return {
    gate: createForwardGate(gate),
    async initialize(into) {
      await ask((id) => ({ type: "initialize", id, into }));
    },
    gradient: (work, overlap) =>
      ask<ComputedIn>((id) => ({ type: "gradient", id, work, overlap: overlap && asData(overlap) }), overlap?.final),
    evaluate: (parameters) => ask<TestResult>((id) => ({ type: "evaluate", id, parameters })),
    async close() {
      end(new ShoalError("cancelled", `computing of ${owner} has ended`));
      void thread.terminate();
      await exited;
    },
  };
}

/** What settles a request: nothing for initial values, which lie in kernel memory. */
type Answer = ComputedIn | TestResult | undefined;

type Final = GradientOverlap["final"];

interface RequestTable {
  open(send: (id: number) => void, final?: Final): Promise<Answer>;
  /** A part of the gradient is final. */
  final(id: number, ...told: Parameters<Final>): void;
  settle(reply: Exclude<ComputeReply, { type: "ready" | "final" }>): void;
  /** Fails what is pending, and everything later; the first error stays. */
  fail(error: ShoalError): void;
}

/** The requests that the thread has not answered yet. */
function createRequestTable(): RequestTable {
  const pending = new Map<number, PromiseWithResolvers<Answer> & { readonly final: Final | undefined }>();
  let opened = 0;
  let ended: ShoalError | undefined;
  return {
    open(send, final) {
      if (ended !== undefined) return Promise.reject(ended);
      const request = Promise.withResolvers<Answer>();
      opened += 1;
      pending.set(opened, { ...request, final });
      send(opened);
      return request.promise;
    },
    final(id, ...told) {
      pending.get(id)?.final?.(...told);
    },
    settle(reply) {
      const request = pending.get(reply.id);
      pending.delete(reply.id);
      if (reply.type === "computed") request?.resolve(reply.computed);
      else if (reply.type === "evaluated") request?.resolve(reply.result);
      else if (reply.type === "initialized") request?.resolve(undefined);
      else request?.reject(ShoalError.deserialize(reply.error));
    },
    fail(error) {
      ended ??= error;
      for (const { reject } of pending.values()) reject(ended);
      pending.clear();
    },
  };
}

function asData({ gated, cuts }: GradientOverlap): ThreadOverlap {
  return { gated, cuts };
}

function crashed(owner: string, cause: unknown): ShoalError {
  const found = ShoalError.from(cause);
  const sentence = `the compute thread of ${owner} crashed: ${found.message.replace(/^\[[a-z_]+\] /, "")}`;
  return new ShoalError(found.code, sentence, { ...found.details, worker: owner }, { cause });
}
