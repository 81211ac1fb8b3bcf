/** What the place of the snapshots says, and what people ask of it. */
import { ShoalError } from "@shoal/errors";
import type { ResumeRun, SnapshotRun } from "@shoal/protocol";
import { withRun, type ClusterState } from "../cluster-state.ts";
import { replyTo, type Step } from "../dispatch/step.ts";
import { checkRoom } from "../dispatch/queue-room.ts";
import { checkJob } from "../job/check-job.ts";
import { sentenceOf } from "../runs/end-run.ts";
import { hasEnded, isUnderWay, type RunState } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { isCutFrom } from "../seats/split-stages.ts";
import { runStatus } from "../status/run-status.ts";
import { failSnapshot, withSnapshots } from "./advance-snapshots.ts";
import { composeManifest } from "./compose-manifest.ts";
import { found, nothingFound, restartCut, restartRun, unknownRun } from "./restart-run.ts";
import type { KeeperReport } from "./snapshot-keeper.ts";

type Found = KeeperReport & { readonly type: "snapshot_found" };

export function keeperReported(
  cluster: ClusterState,
  report: KeeperReport,
  now: number,
  settings: CoordinatorSettings,
): Step {
  const step = (next: RunState | undefined, notes: readonly string[]): Step => ({
    cluster: next === undefined ? cluster : withRun(cluster, next),
    ...{ replies: [], notes, reconcile: true },
  });
  if (report.type === "snapshot_noted") return step(undefined, [report.sentence]);
  const run = cluster.runs.get(report.run);
  switch (report.type) {
    case "snapshot_published":
    case "snapshot_unpublished": {
      if (run?.snapshots.underWay?.snapshot !== report.snapshot) return step(undefined, []);
      if (report.type === "snapshot_published") return step(published(run, report.bytes, now), []);
      return step(failSnapshot(run, report.reason), []);
    }
    case "snapshot_found":
      return report.request.kind === "person"
        ? resumed(cluster, report, now, settings)
        : step(run === undefined ? undefined : foundFor(run, report), []);
    case "snapshot_not_found": {
      if (report.request.kind === "run") {
        const sentence = `it has no snapshot to go on from: ${sentenceOf(report.error)}`;
        return step(run === undefined ? undefined : nothingFound(run, sentence, now), []);
      }
      const { replyTo: asker } = report.request;
      const refused = replyTo(asker, { type: "run_refused", error: report.error });
      return { ...step(undefined, [`run ${report.run} cannot go on: ${report.error.message}`]), replies: [refused] };
    }
  }
}

function published(run: RunState, bytes: number, now: number): RunState {
  const { underWay } = run.snapshots;
  if (underWay === null) return run;
  const manifest = isCutFrom(run) ? composeManifest(run, underWay, now) : undefined;
  const { snapshot, version, blockedMs, saved } = underWay;
  const step = version ?? Math.min(...[...saved.values()].map((shard) => shard.version));
  const newest = { snapshot, step, atMs: now, bytes, blockedMs };
  const next = withSnapshots(run, { underWay: null, newest, failure: null, lead: 1 });
  return manifest === undefined ? next : restartCut(next, manifest, now);
}

function foundFor(run: RunState, { manifest, attempt }: Found): RunState {
  if (run.phase !== "queued" || run.origin?.kind !== "wanted") return run;
  return { ...run, attempt: Math.max(run.attempt, attempt), origin: found(manifest) };
}

/** A person's wish: the same submission is the same run, however often it is repeated. */
function resumed(cluster: ClusterState, report: Found, now: number, settings: CoordinatorSettings): Step {
  const { manifest, request, run: name } = report;
  if (request.kind !== "person") return { cluster, replies: [], notes: [], reconcile: false };
  const { submission } = request;
  const known = cluster.runs.get(name);
  const accepted = replyTo(request.replyTo, { type: "run_accepted", run: name });
  if (known?.submission === submission) return { cluster, replies: [accepted], notes: [], reconcile: false };
  try {
    if (known !== undefined && !hasEnded(known)) throw refusal(name, `is ${known.phase}`);
    if (known?.phase === "completed") throw refusal(name, "has completed");
    checkJob(manifest.job);
    checkRoom(cluster, settings);
    const old = known ?? unknownRun(manifest, now);
    const attempt = Math.max(report.attempt, old.attempt + 1);
    const run = restartRun(old, { submission, attempt, origin: found(manifest) }, now);
    const notes = [`run ${name} goes on from snapshot ${manifest.snapshot}, step ${manifest.step}`];
    return { cluster: withRun(cluster, run), replies: [accepted], notes, reconcile: true };
  } catch (thrown) {
    const error = ShoalError.from(thrown).toJSON();
    const refused = replyTo(request.replyTo, { type: "run_refused", error });
    return { cluster, replies: [refused], notes: [`run ${name} cannot go on: ${error.message}`], reconcile: false };
  }
}

function refusal(run: string, why: string): ShoalError {
  return new ShoalError("invalid_argument", `run ${run} ${why}: there is nothing to resume`, { run });
}

/** Looks the snapshot up first; the answer follows. */
export function handleResume(cluster: ClusterState, message: ResumeRun): Step {
  const { run, snapshot, submission } = message;
  const request = { kind: "person", submission, replyTo: message.replyTo } as const;
  return {
    ...{ cluster, replies: [], notes: [], reconcile: false },
    tasks: [{ type: "look_up", run, snapshot, request }],
  };
}

/** Takes one as soon as the run can. */
export function handleSnapshot(
  cluster: ClusterState,
  message: SnapshotRun,
  now: number,
  settings: CoordinatorSettings,
): Step {
  const known = cluster.runs.get(message.run);
  if (known === undefined) {
    const unknown = replyTo(message.replyTo, { type: "run_unknown", run: message.run });
    return { cluster, replies: [unknown], notes: [], reconcile: false };
  }
  const run = isUnderWay(known) ? withSnapshots(known, { isWanted: true }) : known;
  const described = replyTo(message.replyTo, { type: "run_described", status: runStatus(run, now, settings) });
  return { cluster: withRun(cluster, run), replies: [described], notes: [], reconcile: true };
}
