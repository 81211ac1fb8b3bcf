/** What went over the links, in words. */
import type { TrafficStatus, UnsentStatus } from "@shoal/protocol";

/** "push 12.4 MB/s, 3.9× smaller, error 0.8 %; pull 48.1 MB/s". Errors are those that a push has by itself. */
export function trafficText({ total, pushedBytesPerSecond, pulledBytesPerSecond, unsent }: TrafficStatus): string {
  const error = total.errors === 0 ? [] : [`error ${percent(total.errorSum / total.errors)}`];
  const push = [`push ${rate(pushedBytesPerSecond)}`, ...smaller(total.pushedBefore, total.pushedAfter), ...error];
  const pull = [`pull ${rate(pulledBytesPerSecond)}`, ...smaller(total.pulledBefore, total.pulledAfter)];
  return [push.join(", "), pull.join(", "), ...lost(unsent)].join("; ");
}

/** What no worker will send any more; what is only late is not worth a word. */
function lost(unsent: UnsentStatus | undefined): readonly string[] {
  if (unsent === undefined || unsent.lostWorkers === 0) return [];
  const { lostWorkers, lostNorm } = unsent;
  const of = lostWorkers === 1 ? "a worker" : `${lostWorkers} workers`;
  return [`lost what ${of} had left unsent (norm ${lostNorm.toPrecision(2)})`];
}

function smaller(before: number, after: number): readonly string[] {
  if (before <= after || before === 0) return [];
  return [after === 0 ? "nothing new" : `${(before / after).toFixed(before / after < 10 ? 1 : 0)}× smaller`];
}

function rate(bytesPerSecond: number): string {
  const units = ["B/s", "kB/s", "MB/s", "GB/s"];
  const power = Math.min(3, Math.max(0, Math.floor(Math.log10(Math.max(1, bytesPerSecond)) / 3)));
  return `${(bytesPerSecond / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}
