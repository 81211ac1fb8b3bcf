/** The compute thread of a client: holds its data, and trains on them when the network's thread asks. */
import { ShoalError } from "@shoal/errors";
import { loadKernelModules, type KernelModules } from "@shoal/kernels-wasm";
import { serveTrainer } from "../compute/serve-trainer.ts";
import { checkSplit } from "../session/check-split.ts";
import type { LocalTrainer } from "../session/local-training.ts";
import type { FromCompute, ThreadPort, ToCompute } from "./join-messages.ts";
import type { TrainingData } from "./join-task.ts";

/** Serves whoever is at the other end of `port`, from now on. */
export function serveCompute(port: ThreadPort): void {
  let take: ((data: TrainingData) => void) | undefined;
  const say = (message: FromCompute): void => port.postMessage(message, { transfer: [] });
  const answer = (call: number, act: () => Promise<void>): void => {
    act().then(
      () => say({ type: "taken", call }),
      (error: unknown) => say({ type: "refused", call, error: refusalOf(error).toJSON() }),
    );
  };
  port.addEventListener("message", ({ data }) => {
    const message = data as ToCompute;
    if (message.type === "data") return answer(message.call, async () => take?.(message.data));
    answer(message.call, async () => {
      take = await load(message);
    });
  });
}

/** @returns takes other data in the place of those */
async function load({
  data,
  memoryBytes,
  client,
}: Extract<ToCompute, { readonly type: "load" }>): Promise<(data: TrainingData) => void> {
  const modules = await loadKernelModules();
  let newest = trainerOf(data, modules, memoryBytes);
  serveTrainer(client, {
    ...{ samples: newest.samples, testSamples: newest.testSamples },
    train: (task, work) => newest.train(task, work),
    evaluate: (task, own) => newest.evaluate(task, own),
    close: () => newest.close(),
  });
  return (next) => {
    newest = trainerOf(next, modules, memoryBytes);
  };
}

/** What trains is loaded when the client is drawn for its first round; its data are looked at now. */
function trainerOf(
  { train: data, test: testData }: TrainingData,
  modules: KernelModules,
  memoryBytes: number,
): LocalTrainer {
  checkSplit(data);
  if (testData !== undefined) checkSplit(testData);
  let made: Promise<LocalTrainer> | undefined;
  const trainer = (): Promise<LocalTrainer> => {
    made ??= import("../session/inline-trainer.ts").then(({ createInlineTrainer }) =>
      createInlineTrainer({ ...{ modules, data, memoryBytes }, ...(testData !== undefined && { testData }) }),
    );
    return made;
  };
  return {
    samples: data.count,
    testSamples: testData?.count ?? 0,
    train: async (...work) => (await trainer()).train(...work),
    evaluate: async (...own) => (await trainer()).evaluate(...own),
    close: async () => (await made)?.close(),
  };
}

/** Data that are not what they say of themselves are their owner's mistake. */
function refusalOf(error: unknown): ShoalError {
  if (!(error instanceof RangeError)) return ShoalError.from(error);
  return new ShoalError("invalid_argument", error.message, {}, { cause: error });
}
