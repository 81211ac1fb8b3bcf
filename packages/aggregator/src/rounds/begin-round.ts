/** The next round, with what the last one left. */
import {
  greatestStaleness,
  isEnded,
  nothingCarried,
  startRound,
  type Carried,
  type Member,
  type Report,
  type RoundEffect,
} from "@shoal/federated";
import type { AggregatorWork } from "../aggregator.ts";
import { mixesModels } from "../commit/contribution-facts.ts";
import { mostOutcomes } from "../keeper/task-record.ts";
import { versionOf, type Room } from "../serve/room.ts";
import { without } from "./take-over.ts";

/** Rounds whose values are kept beside those that a contribution may be based on. */
export const spareRounds = 2;

/** After its price in privacy was found affordable, and clients for it are there. */
export function beginRound(room: Room, work: AggregatorWork): void {
  const { keeper, settings, clock, values, traffic } = room;
  const { plan } = settings;
  const number = keeper.record.round.number + 1;
  const { carried, lost, old } = sortCarried(room, work);
  // Not by their numbers: a run that goes on from a snapshot may leave some out.
  const older = keeper.record.versions.slice(-(plan.maximumStaleness + spareRounds));
  const versions = [...older, [number, work.version] as const];
  const [oldest = number] = versions.map(([known]) => known);
  const outcomes = without(
    keeper.record,
    lost.map(({ contribution }) => contribution),
  )
    .filter(([, , round]) => round >= oldest)
    .slice(-mostOutcomes);
  values.publish(number, work.version, work.parameters, room.control?.of(work.version));
  room.traces.forgetBefore(oldest, clock.now());
  room.contributions.endBefore(number - plan.maximumStaleness);
  Object.assign(traffic, { down: 0, up: 0 });
  const step = startRound(plan, number, clock.now(), carried);
  const effects = [...step.effects, ...effectsOn(lost, old)];
  const { lasting } = keeper.record;
  // The next aggregator goes on from here with quarantines, whatever its clock says.
  const held = lasting.held === undefined ? {} : { held: { ...lasting.held, asOfMs: clock.now() } };
  keeper.adopt({ ...step, effects }, { step: work.step, versions, outcomes, lasting: { ...lasting, ...held } });
  room.noteAvailable();
}

interface SortedCarried {
  readonly carried: Carried;
  /** Accepted, but not here any more. */
  readonly lost: readonly Report[];
  /** Based on values that the policy does not take. */
  readonly old: readonly { readonly client: string }[];
}

function sortCarried(room: Room, work: AggregatorWork): SortedCarried {
  const { keeper, clock, contributions, settings } = room;
  const { round } = keeper.record;
  const { members, reports } = isEnded(round) ? round.carried : nothingCarried;
  const isUsable = ({ sinceRound }: Member | Report): boolean => isBase(room, sinceRound, work.version);
  const usable = reports.filter(isUsable);
  const lost = usable.filter(({ contribution }) => !contributions.has(contribution));
  const byMs = clock.now() + settings.plan.reportingTimeoutMs;
  const again = lost.map(({ client, sinceRound }): Member => ({ client, status: "training", sinceRound, byMs }));
  return {
    carried: {
      members: [...members.filter(isUsable), ...again],
      reports: usable.filter((report) => !lost.includes(report)),
    },
    lost,
    old: [...members, ...reports].filter((each) => !isUsable(each)),
  };
}

/** Whether what began with the values of `round` can be added to those of `version`. */
function isBase(room: Room, round: number, version: number): boolean {
  const { policy } = room.settings;
  const base = versionOf(room, round);
  if (base === undefined || base > version) return false;
  if (base === version) return true;
  if (mixesModels(policy) && room.values.valuesOf(base) === undefined) return false;
  return version - base <= greatestStaleness(policy);
}

function effectsOn(lost: readonly Report[], old: readonly { readonly client: string }[]): readonly RoundEffect[] {
  const clients = old.map(({ client }) => client);
  return [
    ...(lost.length === 0 ? [] : [{ type: "ask_again" as const, clients: lost.map(({ client }) => client) }]),
    ...(clients.length === 0
      ? []
      : [{ type: "discard" as const, clients, reason: "it is based on a version that is too old" }]),
  ];
}
