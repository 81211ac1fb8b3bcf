/**
 * Data for tests that train: real MNIST where the shared folder stands beside the clone (or `SHOAL_SHARED` names it),
 * generated digits otherwise.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

const shared = process.env["SHOAL_SHARED"] ?? join(import.meta.dirname, "../../../shared");
const folder = join(shared, "data");

export interface TrainingData {
  /** For a job's `data`. */
  readonly spec:
    { readonly type: "mnist" } | { readonly type: "digits"; readonly samples: number; readonly testSamples: number };
  /** For `--data`; undefined with generated digits. */
  readonly folder: string | undefined;
  readonly isReal: boolean;
}

/** The whole of MNIST, or 20,000 generated digits. */
export function trainingData(): TrainingData {
  if (existsSync(join(folder, "mnist", "train-images-idx3-ubyte.gz"))) {
    return { spec: { type: "mnist" }, folder, isReal: true };
  }
  console.log("no real MNIST beside this clone: training on generated digits");
  return { spec: { type: "digits", samples: 20_000, testSamples: 2_000 }, folder: undefined, isReal: false };
}

/** Where tiny Shakespeare is; undefined, and generated text then, where it is not. */
export function textFolder(): string | undefined {
  if (existsSync(join(folder, "text", "tinyshakespeare.txt.gz"))) return folder;
  console.log("no tiny Shakespeare beside this clone: training on generated text");
  return undefined;
}
