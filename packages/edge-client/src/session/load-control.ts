/** Most tasks have no control variates: what those take is loaded with the first offer that has one. */
import type { RoundOffer } from "@shoal/federated";
import type { RoundControl } from "./round-control.ts";
import type { RoundRoom } from "./round-room.ts";

export async function controlOf(room: RoundRoom, { round, control }: RoundOffer): Promise<RoundControl | undefined> {
  if (control === null) return undefined;
  const { createRoundControl } = await import("./round-control.ts");
  return createRoundControl(room, { round, control });
}
