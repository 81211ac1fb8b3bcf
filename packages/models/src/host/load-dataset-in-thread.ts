/** Loads a data set beside the calling thread, which goes on answering messages and keeping its leases meanwhile. */
import type { Dataset } from "../data/dataset.ts";
import type { DatasetSpec } from "../data/dataset-spec.ts";
import type { DatasetEnvironment } from "./environment.ts";
import { askThread } from "./one-answer-thread.ts";
import { recordFilesOf, removeAtExit } from "./record-folder.ts";

/** As for `loadDataset`, except that a thread downloads with its own `fetch`. */
export type DatasetThreadEnvironment = Omit<DatasetEnvironment, "fetch">;

/** What the thread is born with. */
export interface DatasetThreadData {
  readonly spec: DatasetSpec;
  readonly environment: Omit<DatasetThreadEnvironment, "log">;
}

/** Sources run as they are under the condition that makes packages resolve to sources; a build needs none. */
const runsFromSources = import.meta.url.endsWith(".ts");
const entry = new URL(runsFromSources ? "./dataset-thread.ts" : "./dataset-thread.js", import.meta.url);
const execArgv = runsFromSources ? ["--conditions=shoal-source"] : [];

/**
 * As `loadDataset`, in a thread of its own that has ended when this settles. The splits stand on shared memory and are
 * not copied; `log` is called on this thread. The record files of a large data set live until it is released, or until the
 * process ends.
 * @throws ShoalError as `loadDataset`; `internal` when the thread crashes
 */
export async function loadDatasetInThread(spec: DatasetSpec, environment: DatasetThreadEnvironment): Promise<Dataset> {
  const { log, ...rest } = environment;
  const data: DatasetThreadData = { spec, environment: rest };
  const name = `the thread that loads ${describe(spec)}`;
  const dataset = await askThread<Dataset>({ name, entry, data, execArgv, log });
  removeAtExit(recordFilesOf(dataset));
  return dataset;
}

function describe(spec: DatasetSpec): string {
  if (spec.type === "idx") return spec.images;
  return "file" in spec ? spec.file : spec.type;
}
