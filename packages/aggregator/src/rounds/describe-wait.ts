/** Says what a round waits for, for whoever asks why nothing happens. */
import { isEnded, type Member } from "@shoal/federated";
import type { Room } from "../serve/room.ts";

/** Names that a phrase lists. */
const mostNamed = 4;

/** @returns undefined for a round that has ended */
export function describeWait({
  keeper,
  clock,
  registry,
}: Pick<Room, "keeper" | "clock" | "registry">): string | undefined {
  const { round } = keeper.record;
  if (isEnded(round)) return undefined;
  const { number, plan, deadlineMs } = round;
  const left = `${Math.max(0, Math.round((deadlineMs - clock.now()) / 1000))} s left`;
  switch (round.phase) {
    case "selecting": {
      const resting = describeResting(registry.resting);
      return `round ${number}: ${round.available} of ${plan.invited} clients are idle${resting}, ${left}`;
    }
    case "configuring": {
      const asked = round.members.filter(({ status }) => status === "offered");
      return `round ${number}: ${asked.length} of ${round.members.length} clients have not answered${named(asked)}, ${left}`;
    }
    case "reporting": {
      const goal = plan.draw === "poisson" ? round.reports.length + round.members.length : plan.goal;
      const missing = goal - round.reports.length;
      return `round ${number}: waits for ${missing} of ${goal} contributions${named(round.members)}, ${left}`;
    }
    case "committing":
      return `round ${number}: puts ${round.reports.length} contributions together`;
  }
}

/** Who is known and not drawn, because an offer to it ran out. */
export function describeResting(resting: number): string {
  return resting === 0
    ? ""
    : ` (${resting} more did not answer and ${resting === 1 ? "rests" : "rest"} until heard of)`;
}

function named(members: readonly Member[]): string {
  return listNames(members.map(({ client }) => client));
}

/** In brackets, the first few; nothing where there are none. */
export function listNames(names: readonly string[]): string {
  if (names.length === 0) return "";
  const more = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : "";
  return ` (${names.slice(0, mostNamed).join(", ")}${more})`;
}
