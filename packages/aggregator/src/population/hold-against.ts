/** A contribution was refused for what is in it: its client is remembered for that, here and by whoever takes the task over. */
import type { Room } from "../serve/room.ts";
import { withStanding } from "./kept-standings.ts";

/** It counts with the next write of the task's record: whoever answers awaits that. */
export function holdAgainstClient({ registry, keeper, settings, clock }: Room, client: string): void {
  const nowMs = clock.now();
  const standing = registry.holdAgainst(client, nowMs);
  const { lasting } = keeper.record;
  const held = withStanding(lasting.held, client, standing, { rules: settings.standing, nowMs });
  keeper.amend({ lasting: { ...lasting, held } });
}
