/** The answer to `shoal why`: chains of waits from everything that is known of a run. Pure. */
import { explanationBounds, type WaitChain, type WaitExplanation, type WorkActivity } from "@shoal/protocol";
import { seconds, serverState, shardName, workerState } from "./member-state.ts";
import type { ServerFacts, WaitFacts, WorkerFacts } from "./wait-facts.ts";
import { findRootCauses, type RootCause, type WaitEdge } from "./wait-graph.ts";

export function explainWaits(facts: WaitFacts): WaitExplanation {
  const { run, phase } = facts;
  const members = facts.hasEnded ? [] : statesOf(facts);
  // A server that is well is no line of its own, but may be a cause: a replica whose acknowledgement is awaited.
  const states = new Map([
    ...facts.servers.map((server) => [server.name, serverState(server)] as const),
    ...members.map(({ name, state }) => [name, state] as const),
  ]);
  const causes = facts.hasEnded ? [] : findRootCauses(edgesOf(facts));
  const chains = causes.map((cause): WaitChain => chainOf(cause, states));
  const summary = cut(summaryOf(facts, chains));
  const { members: bound } = explanationBounds;
  return { run, phase, summary, chains, members: members.slice(0, bound) };
}

function statesOf({ workers, servers }: WaitFacts): WaitExplanation["members"] {
  const unwell = servers.filter(({ alive, hosted, answer }) => !alive || !hosted || answer?.kind !== "answered");
  const all = [
    ...unwell.map((server) => ({ name: server.name, state: cut(serverState(server)) })),
    ...workers.map((worker) => ({ name: worker.name, state: cut(workerState(worker)) })),
  ];
  const missing = new Set(
    [...servers, ...workers].filter((each) => !each.alive || isSilent(each)).map(({ name }) => name),
  );
  return all.toSorted((a, b) => Number(missing.has(b.name)) - Number(missing.has(a.name)));
}

function isSilent({ alive, answer }: ServerFacts | WorkerFacts): boolean {
  return alive && (answer?.kind === "silent" || answer?.kind === "unreachable");
}

function chainOf({ names, isCircle, links, waiting }: RootCause, states: ReadonlyMap<string, string>): WaitChain {
  const cause = names.slice(0, explanationBounds.names).join(" and ").slice(0, 128);
  const known = states.get(names[0] ?? "") ?? strangerState(names[0] ?? "");
  const state = isCircle ? "they wait for each other" : known;
  return { cause, state, links: links.map((link) => ({ ...link, reason: cut(link.reason) })), waiting };
}

function strangerState(name: string): string {
  return name === coordinator ? "answers, and has not given it yet" : "is no member of the run";
}

/** Activities in which a worker waits for shards. What else it does, others may wait for. */
const waitsForShards: ReadonlySet<WorkActivity> = new Set(["exchanging", "gated"]);
const coordinator = "coordinator";

function edgesOf(facts: WaitFacts): readonly WaitEdge[] {
  return [
    ...facts.servers.flatMap(edgesOfServer),
    ...facts.workers.flatMap((worker) => edgesOfWorker(worker, facts)),
    ...edgesOfRun(facts),
  ];
}

/** What the shards have deferred. One edge for all requests of a shard that wait for the same. */
function edgesOfServer({ answer }: ServerFacts): readonly WaitEdge[] {
  if (answer?.kind !== "answered") return [];
  return answer.value.flatMap(({ shard, waits }) => {
    const groups = Map.groupBy(waits, ({ reason }) => reason);
    return [...groups].map(([reason, group]) => ({
      waiter: shardName(shard),
      waitingFor: group[0]?.waitingFor.map(nodeOfHolder) ?? [],
      reason,
      forMs: Math.max(...group.map(({ forMs }) => forMs)),
    }));
  });
}

/** Shards call a server that has a copy "server-2 (replica)"; the graph knows it by its node alone. */
function nodeOfHolder(name: string): string {
  return name.replace(/ \((?:primary|replica|learner)\)$/, "");
}

function edgesOfWorker(worker: WorkerFacts, facts: WaitFacts): readonly WaitEdge[] {
  const { name, alive, excluded, answer } = worker;
  if (!alive || excluded !== null || answer?.kind !== "answered") return [];
  const { activity, detail, forMs, exchanges } = answer.value;
  if (waitsForShards.has(activity)) {
    return exchanges.flatMap(({ shard, server, what, forMs: age }) => {
      const target = awaitedFor(name, shard, server, facts.servers);
      return target === undefined ? [] : [{ waiter: name, waitingFor: [target], reason: what, forMs: age }];
    });
  }
  switch (activity) {
    case "without_lease": {
      const holders = facts.workers.filter((each) => each.hasLease && each.name !== name).map((each) => each.name);
      const reason = holders.length > 0 ? "the last batches, which others have" : "batches";
      return [{ waiter: name, waitingFor: holders.length > 0 ? holders : [coordinator], reason, forMs }];
    }
    case "asking":
      return [{ waiter: name, waitingFor: [coordinator], reason: detail, forMs }];
    case "without_cut":
      return [{ waiter: name, waitingFor: [coordinator], reason: "its part of the next step", forMs }];
    default:
      return [];
  }
}

/**
 * For whom an exchange waits: its shard where that has deferred it, its server where that does not answer; undefined
 * where it is on its way.
 */
function awaitedFor(
  worker: string,
  shard: number,
  server: string,
  servers: readonly ServerFacts[],
): string | undefined {
  const host = servers.find(({ name }) => name === server);
  if (host === undefined) return server === "" ? undefined : server;
  if (!host.alive || host.answer?.kind !== "answered") return server;
  const hosted = host.answer.value.find((each) => each.shard === shard);
  return hosted?.waits.some(({ waiter }) => waiter === worker) === true ? shardName(shard) : undefined;
}

/** Before and after training the run itself waits for members. */
function edgesOfRun({ phase, servers, workers, finisher }: WaitFacts): readonly WaitEdge[] {
  const edge = (waitingFor: readonly string[], reason: string): readonly WaitEdge[] => [
    { waiter: "the run", waitingFor, reason, forMs: null },
  ];
  if (phase === "finishing") return finisher === null ? [] : edge([finisher], "its measures and its model");
  if (phase !== "starting") return [];
  const hosts = servers.filter(({ alive, hosted }) => alive && !hosted).map(({ name }) => name);
  if (hosts.length > 0) return edge(hosts, "shards to be hosted");
  const loading = workers.filter(({ alive, started, excluded }) => alive && !started && excluded === null);
  return edge(
    loading.map(({ name }) => name),
    "data to be loaded",
  );
}

function summaryOf(facts: WaitFacts, chains: readonly WaitChain[]): string {
  const { phase, reason, workers, servers } = facts;
  if (facts.hasEnded) return `the run has ended: ${phase}${reason === phase ? "" : `, ${reason}`}`;
  if (facts.isUnmanned) return reason === "" ? `the run is ${phase}` : reason;
  const gone = [...servers, ...workers].filter(({ alive }) => !alive).map(goneText);
  const silent = [...servers, ...workers].filter(isSilent);
  const awaited = new Set(chains.map(({ cause }) => cause));
  const unawaited = silent.filter(({ name }) => !awaited.has(name)).map(({ name }) => `${name} does not answer`);
  return [waitingText(facts, chains), ...unawaited.slice(0, 4), ...gone.slice(0, 4)].join("; ") + facts.moving;
}

function goneText({ name, sinceHeartbeatMs }: ServerFacts | WorkerFacts): string {
  return `the lease of ${name} has ended, last heartbeat ${seconds(sinceHeartbeatMs)} ago`;
}

function waitingText({ workers }: WaitFacts, chains: readonly WaitChain[]): string {
  if (chains.length > 0) {
    const causes = chains.slice(0, 4).map(({ cause }) => cause);
    const more = chains.length > 4 ? ` and ${chains.length - 4} more` : "";
    return `waits lead to ${causes.join(", ")}${more}`;
  }
  const taking = workers.filter(({ alive, excluded }) => alive && excluded === null);
  const doing = taking.flatMap(({ answer }) => (answer?.kind === "answered" ? [answer.value] : []));
  const round = doing.find(({ activity }) => activity === "with_clients");
  if (round !== undefined) return `clients train: ${round.detail}`;
  const computes = ({ answer }: WorkerFacts): boolean =>
    answer?.kind === "answered" && (answer.value.activity === "computing" || answer.value.activity === "gated");
  const others = taking.filter((worker) => !computes(worker)).map(({ name }) => name);
  if (others.length === 0) return "nothing waits: every worker has work";
  return `nothing waits; not computing: ${others.slice(0, 8).join(", ")}${others.length > 8 ? " and others" : ""}`;
}

function cut(sentence: string): string {
  return sentence.slice(0, explanationBounds.sentence);
}
