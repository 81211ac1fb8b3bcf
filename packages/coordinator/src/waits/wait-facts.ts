/** What is known when somebody asks whom a run waits for: the coordinator's own knowledge, and the members' answers. */
import type { ShardSummary, WorkDescription } from "@shoal/protocol";
import type { ClusterState } from "../cluster-state.ts";
import { reasonOf } from "../runs/reason.ts";
import { lossesText } from "../runs/slot-moves/describe-moves.ts";
import { hasEnded, isUnderWay, type RunState } from "../runs/run-state.ts";
import { unsettledServers } from "../seats/run-seats.ts";
import { shardMovesText } from "../seats/shard-moves-text.ts";

/** What a member said; `silent` is for one that did not, with how long it was given. */
export type Answer<T> =
  | { readonly kind: "answered"; readonly value: T }
  | { readonly kind: "silent"; readonly forMs: number }
  /** Nobody listens at its address any more. */
  | { readonly kind: "unreachable" }
  /** It answered with an error. */
  | { readonly kind: "failed"; readonly reason: string };

interface MemberFacts {
  readonly name: string;
  /** False: its lease has ended. */
  readonly alive: boolean;
  readonly sinceHeartbeatMs: number;
}

export interface ServerFacts extends MemberFacts {
  /** It has said that it has the copies which the seats give it. */
  readonly hosted: boolean;
  /** Numbers of the shards that it is primary of. */
  readonly shards: readonly number[];
  readonly answer: Answer<readonly ShardSummary[]> | null;
}

export interface WorkerFacts extends MemberFacts {
  /** It has loaded the data. */
  readonly started: boolean;
  readonly excluded: string | null;
  /** Its newest reported clock; null before the first report. */
  readonly clock: number | null;
  readonly timesMedian: number | null;
  /** It holds a lease of batches. */
  readonly hasLease: boolean;
  readonly answer: Answer<WorkDescription> | null;
}

export interface WaitFacts {
  readonly run: string;
  readonly phase: RunState["phase"];
  /** The coordinator's own sentence on the phase. */
  readonly reason: string;
  /**
   * A shard that has been on its way to another server for long, and whom that waits for; what slots have lost; empty where
   * there is nothing of it.
   */
  readonly moving: string;
  readonly hasEnded: boolean;
  /** No worker is alive, or the run has not begun. */
  readonly isUnmanned: boolean;
  /** Of the run's end: who measures and writes the model. */
  readonly finisher: string | null;
  readonly servers: readonly ServerFacts[];
  readonly workers: readonly WorkerFacts[];
}

export interface Answers {
  readonly servers: ReadonlyMap<string, Answer<readonly ShardSummary[]>>;
  readonly workers: ReadonlyMap<string, Answer<WorkDescription>>;
}

/** @param now ms since the Unix epoch */
export function gatherFacts(cluster: ClusterState, run: RunState, answers: Answers, now: number): WaitFacts {
  const heardOf = (member: number): number =>
    Math.max(0, now - (cluster.membership.members.get(member)?.heardAtMs ?? run.submittedAtMs));
  const unsettled = new Set(unsettledServers(run, true));
  return {
    run: run.run,
    phase: run.phase,
    reason: reasonOf(run, now),
    moving: isUnderWay(run) ? `${shardMovesText(run, now)}${lossesText(run)}` : "",
    hasEnded: hasEnded(run),
    isUnmanned: !isUnderWay(run) || run.noWorkerSinceMs !== null,
    finisher: run.phase === "finishing" ? nameOf(run, run.finisher?.member) : null,
    servers: run.servers.map(({ name, member, alive }) => ({
      ...{ name, alive, hosted: !unsettled.has(name), sinceHeartbeatMs: heardOf(member) },
      shards: [...run.seats.values()].filter(({ primary }) => primary.member === member).map(({ shard }) => shard),
      answer: answers.servers.get(name) ?? null,
    })),
    workers: [...run.workers.values()].map(({ name, member, alive, started, excluded }) => ({
      ...{ name, alive, started, excluded, sinceHeartbeatMs: heardOf(member) },
      clock: run.figures.workers.get(member)?.clock ?? null,
      timesMedian: run.paces.find((pace) => pace.member === member)?.timesMedian ?? null,
      hasLease: run.ledger?.leases.some((lease) => lease.member === member) ?? false,
      answer: answers.workers.get(name) ?? null,
    })),
  };
}

function nameOf(run: RunState, member: number | undefined): string | null {
  return member === undefined ? null : (run.workers.get(member)?.name ?? null);
}
