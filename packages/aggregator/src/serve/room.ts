/** What serving a client and running a round have in common. */
import type { Clock, Random } from "@shoal/actors";
import type { AggregatorPlane, TaskDescription } from "@shoal/federated";
import { comeBackAfterMs, decidePace, isEnded } from "@shoal/federated";
import type { LastUpdate } from "../commit/last-update.ts";
import type { ContributionStore } from "../contributions/contribution-store.ts";
import type { ControlVariate } from "../control/control-variate.ts";
import type { RoundKeeper } from "../keeper/round-keeper.ts";
import type { Registry } from "../population/registry.ts";
import type { RestWatch } from "../population/rest-watch.ts";
import type { RunAccount } from "../records/run-account.ts";
import type { SecureSums } from "../secure/secure-sums.ts";
import type { AggregatorSettings } from "../settings.ts";
import type { LastValues } from "./last-model.ts";
import type { ClientEvaluations } from "./client-evaluations.ts";
import type { ContributionTraces } from "../tracing/contribution-traces.ts";
import type { Timeline } from "../records/timeline.ts";
import type { PublishedValues } from "../values/published-values.ts";
import type { VectorCodecs } from "@shoal/optimization";

export interface Room {
  readonly task: string;
  readonly description: TaskDescription;
  readonly settings: AggregatorSettings;
  readonly plane: AggregatorPlane;
  readonly clock: Clock;
  readonly random: Random;
  readonly keeper: RoundKeeper;
  readonly registry: Registry;
  readonly rests: RestWatch;
  readonly values: PublishedValues;
  readonly contributions: ContributionStore;
  readonly codecs: VectorCodecs;
  /** Bytes that clients took and gave since the round began. */
  readonly traffic: { down: number; up: number };
  readonly evaluations: ClientEvaluations;
  readonly last: LastValues;
  readonly population: PopulationWatch;
  /** Another number of clients may be drawn now: whatever waits for that hears of it. */
  readonly noteAvailable: () => void;
  /** SCAFFOLD's; undefined: without. */
  readonly control: ControlVariate | undefined;
  /** Where the task's robust rule begins with it; undefined: no rule does. */
  readonly lastUpdate: LastUpdate | undefined;
  readonly timeline: Timeline;
  /** What the run has given away for good. */
  readonly account: RunAccount;
  readonly traces: ContributionTraces;
  /** null: contributions are not masked. */
  readonly secure: SecureSums | null;
}

export interface PopulationWatch {
  /** Since when no round begins because too few clients are there, clock time; undefined: nothing is waited for. */
  waitingSinceMs: number | undefined;
  /** When all who are idle were asked last whether they are there; −Infinity: never. */
  calledAtMs: number;
}

/** When a client is wanted again, by lot: it is told of a round at once, and says by this that it is there. */
export function comeBackAfter(room: Room): number {
  const { registry, settings, random } = room;
  const { plan, pace, roundMs, leaseMs } = settings;
  const nextRoundInMs = untilNextRound(room);
  const limits = { leastMs: leaseMs / leaseFactor, mostMs: pace.mostMs };
  const window = decidePace({ population: registry.size, wanted: plan.invited, roundMs, nextRoundInMs, ...limits });
  return comeBackAfterMs(window, random.uniform());
}

/** A check-in is good for so many times what its client is told to stay away: two may be lost, or come late. */
export const leaseFactor = 3;

/** What nobody knows the end of is taken to last as long again as it has. */
function untilNextRound({ keeper, clock, population: { waitingSinceMs } }: Room): number {
  const { round } = keeper.record;
  const nowMs = clock.now();
  if (waitingSinceMs !== undefined) return nowMs - waitingSinceMs;
  if (isEnded(round)) return nowMs - round.atMs;
  const leftMs = round.deadlineMs - nowMs;
  // Its deadline is for a worker that cannot push.
  return round.phase === "committing" ? round.plan.commitTimeoutMs - leftMs : leftMs;
}

/** Version that a round began with, as far back as is known. */
export function versionOf({ keeper }: Pick<Room, "keeper">, round: number): number | undefined {
  return keeper.record.versions.find(([number]) => number === round)?.[1];
}
