/** Says in one sentence why a run is in its phase: whom it waits for, how it ended. */
import { counted } from "@shoal/errors";
import { guardText } from "../guard/guard-text.ts";
import { copiesText } from "../status/copies-text.ts";
import { shardMovesText } from "../seats/shard-moves-text.ts";
import { hotText } from "../seats/shard-traffic.ts";
import { fillingServers } from "../seats/await-copies.ts";
import { unsettledServers } from "../seats/run-seats.ts";
import { sentenceOf } from "./end-run.ts";
import { movesText } from "./slot-moves/describe-moves.ts";
import { hasEnded, type RunState } from "./run-state.ts";

export function reasonOf(run: RunState, now: number): string {
  if (hasEnded(run)) return run.reason === "" ? run.phase : run.reason;
  if (run.phase !== "queued" && run.noWorkerSinceMs !== null) {
    const failure = run.lastFailure === null ? "" : ` (last failure: ${sentenceOf(run.lastFailure)})`;
    const gone = goneText(run);
    return `waiting for a worker: none is alive since ${seconds(now - run.noWorkerSinceMs)}${gone}${failure}`;
  }
  switch (run.phase) {
    case "starting":
      return startingReason(run, now);
    case "training":
      return `training on ${counted(run.roster.members.length, "worker")} and ${counted(primariesOf(run), "server")}${copiesText(run)}${hotText(run)}${shardMovesText(run, now)}${movesText(run)}${excludedText(run)}${guardText(run)}`;
    case "finishing": {
      const finisher = run.finisher === null ? undefined : run.workers.get(run.finisher.member)?.name;
      const waits = finisher === undefined ? "a worker" : `${finisher} to measure and write the model`;
      return `${run.reason}; waiting for ${waits}`;
    }
    default:
      return run.reason;
  }
}

function primariesOf({ seats }: RunState): number {
  return new Set([...seats.values()].map(({ primary }) => primary.member)).size;
}

/** Whose leases have ended, as far as a sentence holds: at most eight. */
export function goneText(run: RunState): string {
  const gone = [...run.workers.values()].filter((worker) => !worker.alive).map((worker) => worker.name);
  const more = gone.length > 8 ? ` and ${gone.length - 8} more` : "";
  return gone.length === 0 ? "" : `; gone: ${gone.slice(0, 8).join(", ")}${more}`;
}

/** Who takes no further part, and why: an error of theirs that the run survived. */
function excludedText(run: RunState): string {
  const excluded = [...run.workers.values()].filter((worker) => worker.excluded !== null);
  return excluded.map(({ name, excluded: why }) => `; without ${name}: ${why ?? ""}`).join("");
}

function startingReason(run: RunState, now: number): string {
  const since = seconds(now - (run.startedAtMs ?? now));
  const failure = run.lastFailure === null ? "" : ` (last answer: ${sentenceOf(run.lastFailure)})`;
  const hosts = unsettledServers(run, true);
  if (hosts.length > 0) return `waiting for ${hosts.join(", ")} to host the shards since ${since}${failure}`;
  const filling = fillingServers(run).join(", ");
  if (run.awaitsCopies) return `waiting for copies${filling === "" ? "" : ` on ${filling}`} since ${since}${failure}`;
  const workers = [...run.workers.values()].filter((worker) => worker.alive && worker.excluded === null);
  const loading = workers.filter((worker) => !worker.started).map((worker) => worker.name);
  return `waiting for ${loading.length === 0 ? "the workers" : loading.join(", ")} to load the data since ${since}${failure}`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
