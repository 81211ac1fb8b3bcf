/**
 * Joins a task on two threads, one for the network and one for compute: neither the program nor a step of training holds up
 * a message. This thread only tells them what to do.
 */
import { ShoalError } from "@shoal/errors";
import type { Split } from "@shoal/models";
import { startCompute } from "./compute-thread.ts";
import type { JoinPlace } from "./join-place.ts";
import type { JoinedSession, JoinOptions, JoinTask, TrainingData } from "./join-task.ts";
import { cancelled, startNetwork, type NetworkThread } from "./network-thread.ts";

/** @throws ShoalError as `join` */
export async function joinOnThreads(
  place: JoinPlace,
  task: JoinTask,
  data: Split | TrainingData,
  options: JoinOptions,
): Promise<JoinedSession> {
  const { platform, memoryBytes: usualBytes } = place;
  const { memoryBytes = usualBytes, privacyLimit, key = null, signal, onEvent = () => undefined } = options;
  const origin = originOf(task);
  if (signal?.aborted === true) throw cancelled();
  const { storage, release } = await place.claim(options.storage);
  const network = startNetwork(place.start("network"), onEvent);
  const compute = startCompute(place.start("compute"), (error) => void network.fail(error));
  const stopWatching = place.watch(network.tell);
  const abort = (): void => void network.close();
  signal?.addEventListener("abort", abort);
  void network.over.then(() => {
    signal?.removeEventListener("abort", abort);
    stopWatching();
    compute.end(cancelled());
    release();
  });
  try {
    const between = new MessageChannel();
    await Promise.race([compute.load(dataOf(data), memoryBytes, between.port1), network.joined]);
    const ticket = task.ticket ?? null;
    network.begin({ origin, ticket, key, storage, memoryBytes, privacyLimit, platform }, between.port2);
    const who = await network.joined;
    return sessionOf(who, network, (next) => compute.take(dataOf(next)));
  } catch (cause) {
    const error = ShoalError.from(cause);
    await network.fail(error);
    throw error;
  }
}

function sessionOf(
  { client, task }: { readonly client: string; readonly task: string },
  { ended, close, look }: NetworkThread,
  setData: JoinedSession["setData"],
): JoinedSession {
  return {
    ...{ client, task, ended, close, setData },
    model: async () => (await look()).model,
    traffic: async () => (await look()).traffic,
    [Symbol.asyncDispose]: close,
  };
}

function originOf({ origin }: JoinTask): string {
  if (/^https?:/.test(origin) && URL.canParse(origin)) return origin;
  throw new ShoalError("invalid_argument", `origin is ${origin}, expected that of shoal edge: https://edge.example`);
}

function dataOf(data: Split | TrainingData): TrainingData {
  return "train" in data ? { train: data.train, test: data.test } : { train: data };
}
