/** Carries out what a round asks for; each effect may come twice. */
import type { Random } from "@shoal/actors";
import { callWithinMs, leastApartMs, type RoundEffect } from "@shoal/federated";
import { decideRollCall } from "../population/decide-roll-call.ts";
import { publicReason } from "../rounds/round-summary.ts";
import { tossCoin } from "../secrets.ts";
import { availableClients } from "./available-clients.ts";
import { comeBackAfter, leaseFactor, type Room } from "./room.ts";
import { membersOf, offerFor } from "./round-offer.ts";

export function carryOut(room: Room, effect: RoundEffect): void {
  const { keeper, registry, plane, random } = room;
  const { number } = keeper.record.round;
  switch (effect.type) {
    case "draw": {
      const lot = random.fork(`draw ${number} ${effect.except.length}`);
      const clients = drawn(room, effect, lot);
      for (const client of clients) registry.setBusy(client, true);
      keeper.dispatch({ type: "drawn", clients });
      return;
    }
    case "offer":
      for (const client of effect.clients) {
        registry.setBusy(client, true);
        registry.asked(client, room.clock.now());
        room.traces.offered(client, number, room.clock.now());
        const offer = offerFor(room, client);
        // After a take-over nobody is known yet: who checks in is told, and has as long as the offer lasts.
        if (registry.find(client) === undefined) continue;
        if (offer === undefined) keeper.dispatch({ type: "drop", client });
        else plane.tell(client, { type: "round_offered", offer });
      }
      return;
    case "unanswered":
      missClients(room, effect.clients);
      return;
    case "discard": {
      for (const client of effect.clients) {
        registry.setBusy(client, false);
        room.traces.ended(client, number, effect.reason, room.clock.now());
        plane.tell(client, {
          type: "round_over",
          round: number,
          reason: publicReason(effect.reason, room.settings),
          comeBackAfterMs: comeBackAfter(room),
        });
      }
      // Whoever is alive among them may be in the next round.
      room.noteAvailable();
      return;
    }
    case "ask_again":
      for (const client of effect.clients) {
        registry.setBusy(client, true);
        const member = membersOf(keeper.record.round).find((each) => each.client === client);
        if (member !== undefined) plane.tell(client, { type: "offer_again", round: member.sinceRound });
      }
      return;
    case "commit":
      // Taken by whoever asked for the round.
      return;
    case "start_cohort":
      room.secure?.begin();
      return;
    case "refuse_report":
    case "accept_report":
      // The answer to the report says it.
      return;
  }
}

/**
 * Who has not answered rests; where that is many, so does everybody else. All of them are asked to say that they are there:
 * who only missed the offer is back at once.
 */
function missClients({ registry, settings, clock, plane, population }: Room, clients: readonly string[]): void {
  const silent = registry.unanswered(clients);
  const nowMs = clock.now();
  const { calledAtMs } = population;
  const everyMs = leastApartMs(registry.size, settings.leaseMs / leaseFactor);
  const facts = { silent: silent.length, plan: settings.plan, nowMs, calledAtMs, everyMs };
  const called = [...silent];
  if (decideRollCall(facts).kind === "call") {
    population.calledAtMs = nowMs;
    called.push(...registry.callRoll(Math.min(...silent.map((client) => registry.find(client)?.askedAtMs ?? nowMs))));
  }
  const withinMs = callWithinMs(called.length, settings.pace.soonMs);
  for (const client of called) plane.tell(client, { type: "aggregator_here", withinMs });
}

/**
 * By coins, of all who are idle; or so many, by lot. Where privacy counts on a lot among so many, it is cast once: who was drawn in
 * another's place would have had two chances.
 */
function drawn(
  room: Room,
  { count, except }: Extract<RoundEffect, { readonly type: "draw" }>,
  lot: Random,
): readonly string[] {
  const { registry, settings } = room;
  const { coins, population = null } = settings.privacy ?? {};
  if (coins === undefined && population !== null && except.length > 0) return [];
  if (coins === undefined) return registry.draw(availableClients(room) === 0 ? 0 : count, except, lot);
  return registry.draw(registry.idle, except, lot).filter(() => tossCoin(coins.chance));
}
