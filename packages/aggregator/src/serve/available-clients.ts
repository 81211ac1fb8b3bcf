/** Who may be drawn. */
import type { Room } from "./room.ts";
import { membersOf } from "./round-offer.ts";

/**
 * Clients that may be drawn now. Where privacy counts on a population, none of a smaller one: each would be in the round
 * with a greater chance than the accountant was told. Who rests, or is not trusted, is not there in this sense.
 */
export function availableClients({
  registry,
  settings,
  keeper,
}: Pick<Room, "registry" | "settings" | "keeper">): number {
  const present = registry.idle + membersOf(keeper.record.round).length;
  return present < (settings.privacy?.population ?? 0) ? 0 : registry.idle;
}
