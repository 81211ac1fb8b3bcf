/** `shoal status` in words. */
import { counted } from "@shoal/errors";
import type { ClusterStatus, RunStatus, ServerLoad, SnapshotStatus, WorkerProgress } from "@shoal/protocol";
import type { Output } from "./output.ts";
import { progressText } from "./progress-line.ts";
import { resultLines } from "./result-text.ts";
import { sizeText } from "./size-text.ts";
import { trafficText } from "./traffic-text.ts";

export function sayStatus(status: Pick<ClusterStatus, "members" | "runs">, output: Output): void {
  for (const member of status.members.toSorted(byRoleAndName)) {
    const state = member.alive ? "alive" : `no heartbeat for ${(member.sinceHeartbeatMs / 1000).toFixed(1)} s`;
    output.line(
      `${member.name.padEnd(14)} ${member.role.padEnd(7)} ${state.padEnd(24)} ${member.endpoint ?? ""}`.trimEnd(),
    );
  }
  if (status.members.length > 0) output.line();
  if (status.runs.length === 0) output.line("no runs yet; submit one with `shoal submit JOB`");
  for (const run of status.runs) sayRun(run, output);
}

/** As people count: server-2 before server-10. */
function byRoleAndName(a: Member, b: Member): number {
  return a.role.localeCompare(b.role) || a.name.localeCompare(b.name, "en", { numeric: true });
}

type Member = ClusterStatus["members"][number];

function sayRun(run: RunStatus, output: Output): void {
  output.line(`${run.run}  ${run.phase}: ${run.reason}`);
  if (run.phase === "training") output.line(`  ${progressText(run)}`);
  if (run.traffic !== null) output.line(`  ${trafficText(run.traffic)}`);
  if (run.snapshots !== null) output.line(`  ${snapshotText(run.snapshots)}`);
  for (const worker of run.workers) {
    const busy = worker.computeMs + worker.waitMs;
    const waiting = busy === 0 ? 0 : (100 * worker.waitMs) / busy;
    output.line(
      `  ${worker.name.padEnd(12)} clock ${worker.clock}  ${counted(worker.batches, "batch", "batches")}  waits ${waiting.toFixed(0)} % of its time${paceText(worker)}`,
    );
  }
  for (const server of run.servers) output.line(`  ${serverText(server)}`);
  if (run.result !== null)
    output.line(
      `  ${resultLines(run.result)
        .map((line) => line.join(" "))
        .join(", ")}  ${run.result.modelFile}`,
    );
  const problem = run.error?.message.replace(/^\[[a-z_]+\] /, "");
  if (problem !== undefined && problem !== run.reason) output.line(`  ${problem}`);
}

function serverText({ name, leads, copies, bytesPerSecond, timesMean }: ServerLoad): string {
  const held = copies === 0 ? "" : `, ${counted(copies, "copy", "copies")}`;
  const load = `${timesMean.toFixed(2)}× the mean load`;
  return `${name.padEnd(12)} leads ${counted(leads, "shard")}${held}  ${sizeText(bytesPerSecond)}/s  ${load}`;
}

function snapshotText({ newest, failure }: SnapshotStatus): string {
  const kept =
    newest === null
      ? "no snapshot yet"
      : `snapshot ${newest.snapshot} of step ${newest.step}: ${sizeText(newest.bytes)}, stood still ${newest.blockedMs.toFixed(0)} ms`;
  return failure === null ? kept : `${kept}; the newest attempt failed: ${failure}`;
}

function paceText({ timesMedian, straggler, gone }: WorkerProgress): string {
  if (gone === true) return "  gone";
  if (timesMedian === undefined) return "";
  return `  ${timesMedian.toFixed(1)}× the median time for a sample${straggler === true ? ": straggler" : ""}`;
}
