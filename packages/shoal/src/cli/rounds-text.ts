/** `shoal rounds` in words. */
import type { ChainedRound, RoundRecord } from "@shoal/aggregator";
import type { Output } from "./output.ts";
import { sizeText } from "./size-text.ts";

/** Columns, and what a round has in each. */
const columns: Readonly<Record<string, (record: RoundRecord) => string>> = {
  round: ({ round }) => String(round),
  outcome: ({ outcome }) => outcome,
  took: tookText,
  asked: ({ asked }) => String(asked.count),
  dropped: ({ dropped }) => String(dropped.count),
  gave: ({ contributed }) => String(contributed.count),
  loss: ({ trainingLoss }) => (trainingLoss === null ? "–" : trainingLoss.toFixed(4)),
  accuracy: ({ testAccuracy }) => (testAccuracy === null ? "–" : percent(testAccuracy)),
  "on clients": onClientsText,
  down: ({ bytesDown }) => sizeText(bytesDown),
  up: ({ bytesUp }) => sizeText(bytesUp),
  ε: ({ epsilon }) => (epsilon === null ? "–" : epsilon.toFixed(3)),
};

/** A table of rounds, and below it who left and why. */
export function sayRounds(rounds: readonly ChainedRound[], output: Output): void {
  const isMeasured = rounds.some(({ body }) => body.measuredByClients !== null);
  const header = Object.keys(columns).filter((name) => isMeasured || name !== "on clients");
  const rows = [header, ...rounds.map(({ body }) => header.map((name) => columns[name]?.(body) ?? ""))];
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows)
    output.line(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  for (const { body } of rounds) for (const line of droppedLines(body)) output.line(line);
}

/** What clients measured with the values that the round began with, on test data of their own. */
function onClientsText({ measuredByClients }: RoundRecord): string {
  if (measuredByClients === null) return "–";
  const { accuracy, clients } = measuredByClients;
  return `${percent(accuracy)} of ${clients}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function tookText({ phases }: RoundRecord): string {
  const [first, last] = [phases[0], phases.at(-1)];
  return first === undefined || last === undefined ? "–" : `${((last.atMs - first.atMs) / 1000).toFixed(1)} s`;
}

/** Of each round: `--round` says the others. */
const mostDropped = 64;

function droppedLines({ round, outcome, reason, dropped }: RoundRecord): readonly string[] {
  const why = outcome === "committed" ? [] : [`round ${round} ${outcome.replace("_", " ")}: ${reason}`];
  const shown = dropped.list.slice(0, mostDropped);
  const more = dropped.count - shown.length;
  return [
    ...why,
    ...shown.map((each) => `round ${round} without ${each.client}: ${each.reason}`),
    ...(more > 0 ? [`round ${round} without ${more} more`] : []),
  ];
}
