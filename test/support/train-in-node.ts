/** A command that browser tests call: the same trainings in a Node of their own. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BrowserCommand } from "vitest/node";
import type { TrainingName, TrainingOutcome } from "./deterministic-training.ts";

export type Outcomes = Readonly<Record<TrainingName, TrainingOutcome>>;

declare module "vitest/internal/browser" {
  interface BrowserCommands {
    trainInNode: () => Promise<Outcomes>;
  }
}

export const trainInNode: BrowserCommand<[]> = async () => {
  const script = join(import.meta.dirname, "deterministic-process.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=shoal-source", script]);
  return JSON.parse(stdout) as Outcomes;
};
