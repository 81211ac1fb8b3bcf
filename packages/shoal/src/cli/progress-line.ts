/** The live line of a run: pure text from a status, and a renderer that redraws it. */
import type { RunStatus } from "@shoal/protocol";
import { hasEnded } from "../cluster/follow-run.ts";
import type { Output } from "./output.ts";
import { shortResult } from "./result-text.ts";

const redrawMs = 100;
const plainMs = 2_000;

/**
 * Step, loss, throughput, staleness and time left: whatever is known yet.
 * @param width in columns: what matters least is shortened, then left out, until the rest fits
 */
export function progressText(status: RunStatus, width: number = Infinity): string {
  if (status.phase === "queued" || status.phase === "starting") return `${status.phase}: ${status.reason}`;
  const forms = [formOf(status, {}), formOf(status, { short: true }), formOf(status, { short: true, test: false })];
  return forms.find((text) => text.length <= width) ?? forms.at(-1) ?? "";
}

/** @param form short: without the greatest staleness and the words around figures; test: with the last evaluation */
function formOf(status: RunStatus, { short = false, test = true }: { short?: boolean; test?: boolean }): string {
  const percent = status.totalBatches === 0 ? 0 : Math.floor((100 * status.batchesDone) / status.totalBatches);
  const pace = Math.round(status.samplesPerSecond).toLocaleString("en-US");
  const staleness = `staleness ${status.stalenessMean.toFixed(1)}`;
  const parts = [
    short ? `step ${status.step}/${status.totalSteps}` : `step ${status.step}/${status.totalSteps} (${percent} %)`,
    status.loss === null ? "loss –" : `loss ${status.loss.toFixed(4)}`,
    short ? `${pace}/s` : `${pace} samples/s`,
    short ? staleness : `${staleness} (max ${status.stalenessMax})`,
  ];
  const evaluation = status.evaluations.at(-1);
  if (evaluation !== undefined && test) parts.push(`test ${shortResult(evaluation)}`);
  const left = timeLeftMs(status);
  if (left !== null) parts.push(`${formatDuration(left)} left`);
  return parts.join("  ");
}

/** At the pace of now; null while there is none. What a snapshot brought took no time, and workers come and go. */
export function timeLeftMs(status: RunStatus): number | null {
  const { phase, batchesDone, totalBatches, samples, samplesPerSecond } = status;
  if (phase !== "training" || batchesDone === 0 || samplesPerSecond === 0) return null;
  return (1000 * (totalBatches - batchesDone) * (samples / batchesDone)) / samplesPerSecond;
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
export function createProgressLine(output: Output, now: () => number): ProgressLine {
  let shownAt = -Infinity;
  let shown = "";
  return {
    show(status) {
      // The line before a failure says more than the figures of a run that is over.
      if (output.json || (hasEnded(status) && status.phase !== "completed")) return;
      const { width } = output;
      const text = progressText(status, width === undefined ? Infinity : width - 1);
      const due = hasEnded(status) || now() - shownAt >= (width === undefined ? plainMs : redrawMs);
      if (text === shown || !due) return;
      shownAt = now();
      shown = text;
      if (width === undefined) output.line(text);
      else output.live(text);
    },
    end: () => output.settle(),
  };
}
