/** Says what a round waits for, for whoever asks why nothing happens. */
import { agreeing, counted } from "@shoal/errors";
import { isEnded, type Member, type RoundState, type RunningState } from "@shoal/federated";
import type { Registry } from "../population/registry.ts";

/** Names that a phrase lists. */
const mostNamed = 4;

/** Clients that are known and not drawn. */
export type NotDrawn = Pick<Registry, "resting" | "declining" | "returns">;

/** @returns undefined for a round that has ended */
export function describeWait(round: RoundState, nowMs: number, others: NotDrawn): string | undefined {
  if (isEnded(round)) return undefined;
  const { number, plan, deadlineMs } = round;
  const left = `${Math.max(0, Math.round((deadlineMs - nowMs) / 1000))} s left`;
  switch (round.phase) {
    case "selecting":
      return `round ${number}: ${round.available} of ${plan.invited} clients are idle${describeOthers(others, nowMs)}, ${left}`;
    case "configuring": {
      const asked = round.members.filter(({ status }) => status === "offered");
      const { length } = round.members;
      const what =
        asked.length > 0
          ? `${asked.length} of ${counted(length, "client")} ${agreeing(asked.length, "has", "have")} not answered${named(asked)}`
          : `${counted(length, "client takes", "clients take")} part, waits for others up to ${plan.invited}`;
      const isEnough = length - asked.length + round.reports.length >= plan.minimum;
      return `round ${number}: ${what}, ${left}, then it ${isEnough ? "begins without them" : "is given up"}`;
    }
    case "reporting":
      return `round ${number}: ${describeMissing(round)}, ${left}, then ${describeDeadline(round)}`;
    case "committing": {
      const tries = round.failures === 0 ? "" : `, attempt ${round.failures + 1}`;
      return `round ${number}: puts ${counted(round.reports.length, "contribution")} together${tries}`;
    }
  }
}

/** What has not come, and from whom it may: of an over-selected round or a buffer from more than it wants. */
function describeMissing({ plan, members, reports }: RunningState): string {
  const goal = plan.draw === "poisson" ? reports.length + members.length : plan.goal;
  const missing = goal - reports.length;
  const from =
    members.length === 0 ? ", while nobody trains" : named(members, members.length > missing ? "any of " : "");
  return `waits for ${missing} of ${counted(goal, "contribution")}${from}`;
}

/** What becomes of the round if nothing more comes. */
function describeDeadline({ plan, members, reports }: RunningState): string {
  if (reports.length >= plan.minimum) return `it goes on with ${reports.length}`;
  if (plan.minimum < plan.goal) return plan.minimum === 1 ? "one is enough" : `${plan.minimum} are enough`;
  return plan.carriesOver && reports.length + members.length > 0 ? "the next round has what came" : "it is given up";
}

/** In brackets, who is known and not drawn; nothing where there is nobody. */
export function describeOthers(others: NotDrawn, nowMs: number): string {
  const phrases = [describeSilent(others), describeDeclining(others, nowMs)].filter((phrase) => phrase !== "");
  return phrases.length === 0 ? "" : ` (${phrases.join("; ")})`;
}

function describeSilent({ resting }: NotDrawn): string {
  return resting === 0 ? "" : `${resting} more did not answer and ${resting === 1 ? "rests" : "rest"} until heard of`;
}

function describeDeclining(others: NotDrawn, nowMs: number): string {
  const { declining } = others;
  const ends = others.returns();
  if (ends === undefined) return "";
  const [first, last] = [ends.firstMs, ends.lastMs].map((atMs) => Math.max(0, Math.ceil((atMs - nowMs) / 1000)));
  const when = first === last ? `in ${last} s` : `in ${first} to ${last} s`;
  return `${declining} more declined and ${declining === 1 ? "comes" : "come"} back ${when}`;
}

function named(members: readonly Member[], before = ""): string {
  return listNames(
    members.map(({ client }) => client),
    before,
  );
}

/** In brackets, the first few; nothing where there are none. */
export function listNames(names: readonly string[], before = ""): string {
  if (names.length === 0) return "";
  const more = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : "";
  return ` (${before}${names.slice(0, mostNamed).join(", ")}${more})`;
}
