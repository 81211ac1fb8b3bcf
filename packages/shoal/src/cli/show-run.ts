/** Shows a run on the command line from its submission to its end: the same for `train` and `submit`. */
import type { ActorSystem, Ref } from "@shoal/actors";
import type { CoordinatorMessage, RunStatus } from "@shoal/protocol";
import { failureOf, followRun } from "../cluster/follow-run.ts";
import type { Output } from "./output.ts";
import { createProgressLine, formatDuration } from "./progress-line.ts";
import { resultLines } from "./result-text.ts";

/**
 * Follows a run with a live line; under --json one value for each evaluation and one for the end.
 * @returns the final status of a completed run
 * @throws ShoalError the run's own error when it did not complete
 */
export async function showRun(
  system: ActorSystem,
  coordinator: Ref<CoordinatorMessage>,
  run: string,
  output: Output,
): Promise<RunStatus> {
  const progress = createProgressLine(output, () => system.clock.now());
  let saidSource = "";
  const saidReasons = new Set<string>();
  let evaluations = 0;
  let last: RunStatus | undefined;
  try {
    for await (const status of followRun(system, coordinator, run, (sentence) => output.line(sentence))) {
      // A run that an earlier coordinator began comes back without its source.
      if (status.dataSource !== "" && status.dataSource !== saidSource) {
        saidSource = status.dataSource;
        output.line(`data: ${saidSource}`);
        output.value({ type: "data", run, source: saidSource });
      }
      for (const evaluation of status.evaluations.slice(evaluations))
        output.value({ type: "evaluation", run, ...evaluation });
      evaluations = status.evaluations.length;
      // Workers that came or left, a warning of the guard, a fall-back: each once.
      if (status.phase === "training" && !saidReasons.has(status.reason)) {
        if (saidReasons.size > 0) output.line(status.reason);
        saidReasons.add(status.reason);
      }
      progress.show(status);
      last = status;
    }
  } finally {
    progress.end();
  }
  const status = last!;
  const failure = failureOf(status);
  if (failure !== null) throw failure;
  output.value({ type: "completed", ...status });
  return status;
}

/** What the test split says, pace and where the model is. */
export function sayResult(status: RunStatus, output: Output): void {
  const { result } = status;
  if (result === null) return;
  output.line();
  if (/; (guard|fell back)/.test(status.reason)) output.line(`note           ${status.reason}`);
  for (const [what, value] of resultLines(result)) output.line(`${what.padEnd(14)} ${value}`);
  output.line(
    `training took  ${formatDuration(status.elapsedMs)}   (${Math.round(status.samplesPerSecond).toLocaleString("en-US")} samples/s, ` +
      `staleness ${status.stalenessMean.toFixed(2)} on average, ${status.stalenessMax} at most)`,
  );
  output.line(`model          ${result.modelFile}`);
}
