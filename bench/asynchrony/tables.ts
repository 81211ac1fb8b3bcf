/** The groups as tables in Markdown: rows of workers (or learning rates), columns of rules. */
import type { Pace, RuleName } from "./cell.ts";
import { parts, type PartName } from "./parts.ts";
import type { Group } from "./summary.ts";

/** Errors in percent (mean, least to greatest seed), and the steps to 97 % in the median seed. */
export function renderTables(groups: readonly Group[]): string {
  const names = Object.keys(parts) as PartName[];
  return names
    .filter((name) => groups.some(({ part }) => part === name))
    .flatMap((part) => {
      if (part === "rates") return [renderRates(groups)];
      const paces = [...new Set(groups.filter((group) => group.part === part).map(({ pace }) => pace))];
      return paces.map((pace) => renderPart(groups, part, pace));
    })
    .join("\n\n");
}

function renderPart(groups: readonly Group[], part: PartName, pace: Pace): string {
  // One worker alone is never stale: it is played once and stands in every table.
  const members = groups.filter((group) => group.part === part && (group.pace === pace || group.workers === 1));
  const columns = [...new Set(members.map(({ rule }) => rule))];
  const rows = [...new Set(members.map(({ workers }) => workers))].sort((a, b) => a - b);
  return renderTable(
    `**${parts[part].title}, ${pace} steps**`,
    ["workers", ...columns],
    [
      ...rows.map((workers) => [
        `${workers}`,
        ...columns.map((rule) =>
          renderGroup(members.filter((group) => group.workers === workers && group.rule === rule)),
        ),
      ]),
    ],
  );
}

/** The rate of the part `rules` is one of them. */
function renderRates(groups: readonly Group[]): string {
  const members = groups.filter(({ part, pace }) => (part === "rates" || part === "rules") && pace === "equal");
  const rates = [...new Set(members.flatMap(({ learningRate }) => learningRate ?? []))].sort((a, b) => a - b);
  const find = (rate: number, workers: number, rule: RuleName): string =>
    renderGroup(members.filter((one) => one.learningRate === rate && one.workers === workers && one.rule === rule));
  return renderTable(
    `**${parts.rates.title}**`,
    ["learning rate", "one worker", "30, none", "30, inverse"],
    [...rates.map((rate) => [`${rate}`, find(rate, 1, "none"), find(rate, 30, "none"), find(rate, 30, "inverse")])],
  );
}

function renderTable(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [title, "", line(head), line(["---:", ...head.slice(1).map(() => "---")]), ...rows.map(line)].join("\n");
}

/** @param found one group, or none */
function renderGroup([group]: readonly Group[]): string {
  if (group === undefined) return "";
  const { error, stepsToAim, diverged, seeds } = group;
  if (diverged === seeds) return "diverged";
  const percent = (share: number): string => (100 * share).toFixed(1);
  const spread = `${percent(error.mean)} % (${percent(error.least)}–${percent(error.greatest)})`;
  const ended = diverged === 0 ? spread : `${spread}, ${diverged} of ${seeds} diverged`;
  return stepsToAim === null ? ended : `${ended}, ${stepsToAim.toFixed(0)} steps`;
}
