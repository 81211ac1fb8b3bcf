/** One round of `shoal rounds` in words: what happened when, who was selected, who gave what, who left and why. */
import type { RoundRecord } from "@shoal/aggregator";
import type { Output } from "./output.ts";
import { sizeText } from "./size-text.ts";

interface Moment {
  readonly atMs: number;
  readonly what: string;
}

export function sayRound(record: RoundRecord, output: Output): void {
  const { round, outcome, reason } = record;
  output.line(`round ${round}, ${outcome.replace("_", " ")}: ${reason}`);
  const moments = momentsOf(record);
  const beganAtMs = moments[0]?.atMs ?? 0;
  for (const { atMs, what } of moments) {
    output.line(`  ${`+${((atMs - beganAtMs) / 1000).toFixed(1)} s`.padStart(9)}  ${what}`);
  }
  output.line(`  selected  ${namesText(record.asked)}`);
  const gave = record.contributed.list.map((each) => contributionText(each, round));
  output.line(`  gave      ${namesText({ count: record.contributed.count, list: gave })}`);
}

/** Phases and departures, in the order of their times. */
function momentsOf({ phases, dropped }: RoundRecord): readonly Moment[] {
  const begun = phases.map(({ phase, atMs }): Moment => ({ atMs, what: phase.replace("_", " ") }));
  const left = dropped.list.map(({ client, reason, atMs }): Moment => ({ atMs, what: `without ${client}: ${reason}` }));
  return [...begun, ...left].toSorted((one, other) => one.atMs - other.atMs);
}

/** What came late is of the round that it was trained for. */
function contributionText(
  { client, baseRound, samples, loss, bytes }: RoundRecord["contributed"]["list"][number],
  round: number,
): string {
  const late = baseRound === round ? "" : `, for round ${baseRound}`;
  return `${client} (${samples} samples, loss ${loss.toFixed(4)}, ${sizeText(bytes)}${late})`;
}

function namesText({ count, list }: { readonly count: number; readonly list: readonly string[] }): string {
  if (count === 0) return "nobody";
  const more = count - list.length;
  return [...list, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
