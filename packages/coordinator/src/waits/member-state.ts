/** What a member does, in the words of `shoal why`. */
import type { WorkActivity, WorkDescription } from "@shoal/protocol";
import type { ServerFacts, WorkerFacts } from "./wait-facts.ts";

export function workerState(worker: WorkerFacts): string {
  const { answer, alive, excluded, sinceHeartbeatMs } = worker;
  if (!alive) return `its lease has ended, last heartbeat ${seconds(sinceHeartbeatMs)} ago`;
  if (excluded !== null) return `takes no part any more: ${excluded}`;
  if (answer?.kind !== "answered") return silence(answer, sinceHeartbeatMs);
  return [doing(answer.value), pace(worker, answer.value.activity)].filter((part) => part !== "").join(", ");
}

export function serverState({ answer, alive, hosted, sinceHeartbeatMs }: ServerFacts): string {
  if (!alive) return `its lease has ended, last heartbeat ${seconds(sinceHeartbeatMs)} ago`;
  if (!hosted) return `has not hosted its shards yet, last heartbeat ${seconds(sinceHeartbeatMs)} ago`;
  return answer?.kind === "answered" ? "answers" : silence(answer, sinceHeartbeatMs);
}

type Silence = Exclude<WorkerFacts["answer"] | ServerFacts["answer"], { readonly kind: "answered" }>;

function silence(answer: Silence, sinceHeartbeatMs: number): string {
  const heard = `last heartbeat ${seconds(sinceHeartbeatMs)} ago`;
  switch (answer?.kind) {
    case undefined:
      return `was not asked, ${heard}`;
    case "silent":
      return `no answer for ${seconds(answer.forMs)}, ${heard}`;
    case "unreachable":
      return `no answer: nobody listens at its address, ${heard}`;
    case "failed":
      return `answered with an error: ${answer.reason}`;
  }
}

const words: Readonly<Record<WorkActivity, string>> = {
  preparing: "loading data",
  computing: "computing",
  with_clients: "with its clients",
  gated: "stopped at the gate: the parameters that it reads next have not come",
  evaluating: "evaluating the test split",
  exchanging: "exchanging",
  without_lease: "without lease",
  asking: "asking the coordinator",
  without_slots: "owns no slot of the steps",
  without_cut: "waiting for its part of the next step",
  writing: "writing the model",
  idle: "idle",
  failed: "the run has failed here",
  absent: "holds no such run",
};

function doing({ activity, detail, forMs, exchanges }: WorkDescription): string {
  const what = activity === "exchanging" ? exchangeText(exchanges) : `${words[activity]}${colon(detail)}`;
  return forMs === null ? what : `${what} for ${seconds(forMs)}`;
}

function colon(detail: string): string {
  return detail === "" ? "" : ` (${detail})`;
}

function exchangeText(exchanges: WorkDescription["exchanges"]): string {
  const [oldest] = exchanges;
  if (oldest === undefined) return words.exchanging;
  const more = exchanges.length > 1 ? ` and ${exchanges.length - 1} more` : "";
  const attempt = oldest.attempt > 1 ? `, attempt ${oldest.attempt}` : "";
  return `exchanging with ${shardName(oldest.shard)} on ${oldest.server}${more} (${oldest.what}${attempt})`;
}

function pace({ timesMedian, clock }: WorkerFacts, activity: WorkActivity): string {
  if (activity !== "computing" && activity !== "gated") return "";
  const at = clock === null ? [] : [`last reported clock ${clock}`];
  const times = timesMedian === null ? [] : [`${timesMedian.toFixed(1)}× the median time for a sample`];
  return [...times, ...at].join(", ");
}

export function shardName(shard: number): string {
  return `shard-${shard}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
