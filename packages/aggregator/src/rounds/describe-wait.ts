/** Says what a round waits for, for whoever asks why nothing happens. */
import { isEnded, type Member, type RoundState } from "@shoal/federated";

/** Names that a phrase lists. */
const mostNamed = 4;

/** @returns undefined for a round that has ended */
export function describeWait(round: RoundState, nowMs: number): string | undefined {
  if (isEnded(round)) return undefined;
  const { number, plan, deadlineMs } = round;
  const left = `${Math.max(0, Math.round((deadlineMs - nowMs) / 1000))} s left`;
  switch (round.phase) {
    case "selecting":
      return `round ${number}: ${round.available} of ${plan.invited} clients are idle, ${left}`;
    case "configuring": {
      const asked = round.members.filter(({ status }) => status === "offered");
      return `round ${number}: ${asked.length} of ${round.members.length} clients have not answered${named(asked)}, ${left}`;
    }
    case "reporting": {
      const missing = plan.goal - round.reports.length;
      return `round ${number}: waits for ${missing} of ${plan.goal} contributions${named(round.members)}, ${left}`;
    }
    case "committing":
      return `round ${number}: puts ${round.reports.length} contributions together`;
  }
}

function named(members: readonly Member[]): string {
  if (members.length === 0) return "";
  const names = members.slice(0, mostNamed).map(({ client }) => client);
  const more = members.length > mostNamed ? ` and ${members.length - mostNamed} more` : "";
  return ` (${names.join(", ")}${more})`;
}
