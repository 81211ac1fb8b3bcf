/** Entry of the thread that loads one data set. */
import { parentPort, workerData } from "node:worker_threads";
import { ShoalError } from "@shoal/errors";
import type { Dataset } from "../data/dataset.ts";
import type { DatasetThreadData } from "./load-dataset-in-thread.ts";
import { loadDataset } from "./load-dataset.ts";
import type { ThreadReply } from "./one-answer-thread.ts";

const { spec, environment } = workerData as DatasetThreadData;
const say = (reply: ThreadReply<Dataset>): void => parentPort?.postMessage(reply);

async function load(): Promise<ThreadReply<Dataset>> {
  try {
    const log = (line: string): void => say({ type: "log", line });
    return { type: "answered", answer: await loadDataset(spec, { ...environment, log }) };
  } catch (error) {
    return { type: "failed", error: ShoalError.from(error).toJSON() };
  }
}

say(await load());
