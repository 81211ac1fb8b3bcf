/**
 * Waiting for clients, before a round begins. It is a state of the step and of nobody's record: a run that nobody comes to
 * writes no log. An aggregator that takes over waits again, and each client is told to come back in its time.
 *
 * Idle clients come by themselves after minutes: those whom the word of this aggregator has not reached are called again, after
 * one selection time, two, four, and so on.
 *
 * Bounds  one write in a selection time, of the same record; in n selection times log₂ n calls.
 */
import { agreeing } from "@shoal/errors";
import { callWithinMs, decideBeginning, isEnded, nothingCarried, type BeginningDecision } from "@shoal/federated";
import { availableClients } from "../serve/available-clients.ts";
import type { Room } from "../serve/room.ts";
import { describeOthers } from "./describe-wait.ts";
import type { Task } from "./task.ts";

/** Settles at once where a round may begin. @throws ShoalError stale_term; cancelled */
export async function waitForClients({ room, signals }: Task): Promise<void> {
  const mayBegin = (): boolean => beginningOf(room).kind === "begin";
  if (mayBegin()) return;
  const { population, clock } = room;
  population.waitingSinceMs = clock.now();
  const look = lookAround(room);
  try {
    await signals.until(mayBegin);
  } finally {
    look.stop();
    population.waitingSinceMs = undefined;
  }
}

/** What is waited for; undefined where nothing is. */
export function describeWaiting(room: Room): string | undefined {
  const { population, keeper, registry, clock } = room;
  if (population.waitingSinceMs === undefined) return undefined;
  const next = keeper.record.round.number + 1;
  const nowMs = clock.now();
  const forSeconds = Math.round((nowMs - population.waitingSinceMs) / 1000);
  return `before round ${next}: ${whoIsMissing(room)}${describeOthers(registry, nowMs)}, for ${forSeconds} s`;
}

/** Of a population that is not there nobody is drawn. */
function whoIsMissing(room: Room): string {
  const { idle } = room.registry;
  const population = room.settings.privacy?.population ?? 0;
  return idle < population
    ? `${idle} of the ${population} clients that privacy counts on ${agreeing(idle, "is", "are")} idle`
    : beginningOf(room).reason;
}

function beginningOf(room: Room): BeginningDecision {
  const { keeper, settings } = room;
  const { round } = keeper.record;
  return decideBeginning(settings.plan, isEnded(round) ? round.carried : nothingCarried, availableClients(room));
}

/** Who waits writes nothing, and would never learn that another aggregator has taken over. */
function lookAround({ clock, keeper, settings, registry, plane }: Room): { stop(): void } {
  const { selectionTimeoutMs } = settings.plan;
  let [looks, callsAt] = [0, 1];
  let timer = clock.after(selectionTimeoutMs, look);
  function look(): void {
    keeper.amend({});
    looks += 1;
    if (looks === callsAt) {
      callsAt *= 2;
      plane.tellAll({ type: "aggregator_here", withinMs: callWithinMs(registry.size, settings.pace.soonMs) });
    }
    timer = clock.after(selectionTimeoutMs, look);
  }
  return { stop: () => timer.cancel() };
}
