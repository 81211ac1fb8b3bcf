/**
 * Joining a task in Node: both threads are worker threads. The network has one of its own here, too: a program that computes for
 * seconds holds up no message, and may itself speak NATS over TCP, of which the NATS library takes one way a thread.
 */
import { Worker } from "node:worker_threads";
import type { Split } from "@shoal/models";
import type { ThreadPort } from "../join-messages.ts";
import { usualMemoryBytes, type JoinPlace, type JoinThread } from "../join-place.ts";
import type { JoinedSession, JoinOptions, JoinTask, TrainingData } from "../join-task.ts";
import { joinOnThreads } from "../join-threads.ts";

/** Sources run as they are under the condition that makes packages resolve to sources; a build needs none. */
const runsFromSources = import.meta.url.endsWith(".ts");
const ending = runsFromSources ? "ts" : "js";
const execArgv = runsFromSources ? ["--conditions=shoal-source"] : [];

const place: JoinPlace = {
  platform: "node",
  memoryBytes: usualMemoryBytes,
  start: (thread) => {
    const entry = new URL(`./join-${thread}-thread.${ending}`, import.meta.url);
    return threadOf(new Worker(entry, { execArgv, name: `${thread} of a federated client` }));
  },
  claim: async (storage = null) => ({ storage, release: () => undefined }),
  watch: () => () => undefined,
};

/**
 * Takes part in a federated task with data that stay here, on two threads of its own. Until it is let in it asks again, for ever,
 * with jitter: before the task begins, while nobody answers, while others have all the places.
 * @param data - borrowed until it settles: copied to the compute thread; arrays on shared memory are shared
 * @throws ShoalError unauthenticated, permission_denied, update_needed - it is not let in; invalid_argument - the data are not what
 * they say of themselves, or an option is none; no_capacity - all clients of this browser are taken; cancelled - by the signal
 */
export function join(task: JoinTask, data: Split | TrainingData, options: JoinOptions = {}): Promise<JoinedSession> {
  return joinOnThreads(place, task, data, options);
}

function threadOf(worker: Worker): JoinThread {
  const port: ThreadPort = {
    postMessage: (message, { transfer }) => worker.postMessage(message, transfer as ArrayBuffer[]),
    addEventListener: (_type, listen) => void worker.on("message", (data: unknown) => listen({ data })),
  };
  return {
    port,
    onDeath(tell) {
      worker.on("error", (error) => tell(error instanceof Error ? error.message : String(error)));
      worker.once("exit", (code) => tell(`it ended with code ${code}`));
    },
    terminate: () => void worker.terminate(),
  };
}
