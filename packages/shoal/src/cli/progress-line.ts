/** The live line of a run: pure text from a status, and a renderer that redraws it. */
import type { RunStatus } from "@shoal/protocol";
import type { Output } from "./output.ts";

const redrawMs = 100;
const plainMs = 2_000;

/** Step, loss, throughput, staleness and time left: whatever is known yet. */
export function progressText(status: RunStatus): string {
  if (status.phase === "queued" || status.phase === "starting") return `${status.phase}: ${status.reason}`;
  const percent = status.totalBatches === 0 ? 0 : Math.floor((100 * status.batchesDone) / status.totalBatches);
  const parts = [
    `step ${status.step}/${status.totalSteps} (${percent} %)`,
    status.loss === null ? "loss –" : `loss ${status.loss.toFixed(4)}`,
    `${Math.round(status.samplesPerSecond).toLocaleString("en-US")} samples/s`,
    `staleness ${status.stalenessMean.toFixed(1)} (max ${status.stalenessMax})`,
  ];
  const evaluation = status.evaluations.at(-1);
  if (evaluation !== undefined) parts.push(`test ${(100 * evaluation.accuracy).toFixed(2)} %`);
  const left = timeLeftMs(status);
  if (left !== null) parts.push(`${formatDuration(left)} left`);
  return parts.join("  ");
}

/** From the mean pace so far; null before there is one. */
export function timeLeftMs(status: RunStatus): number | null {
  if (status.phase !== "training" || status.batchesDone === 0) return null;
  return (status.elapsedMs / status.batchesDone) * (status.totalBatches - status.batchesDone);
}

export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export interface ProgressLine {
  show(status: RunStatus): void;
  /** Leaves the last line standing. */
  end(): void;
}

/** Redraws in place on a terminal; elsewhere (a pipe, `NO_COLOR`, CI) one plain line every two seconds. */
export function createProgressLine(
  output: Output,
  stream: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown },
  now: () => number,
): ProgressLine {
  const live = stream.isTTY === true && process.env["NO_COLOR"] === undefined;
  let shownAt = -Infinity;
  let shown = "";
  return {
    show(status) {
      const text = progressText(status);
      const due = now() - shownAt >= (live ? redrawMs : plainMs);
      if (output.json) return;
      if (text === shown || !due) return;
      shownAt = now();
      shown = text;
      stream.write(live ? `\r\u001b[2K${text.slice(0, (stream.columns ?? 200) - 1)}` : `${text}\n`);
    },
    end() {
      if (live && shown !== "" && !output.json) stream.write("\n");
    },
  };
}
