/** The groups as tables in Markdown: rows of workers, columns of rules. */
import type { Pace, RuleName } from "./cell.ts";
import type { PartName } from "./grid.ts";
import type { Group } from "./summary.ts";

const titles: Readonly<Record<PartName, string>> = {
  rules: "MLP, SGD .3, batch 32",
  network: "CNN, SGD .2, batch 16",
  compensation: "MLP, SGD .05 falling by a cosine, batch 32, λ 1 (c) and 2 (a)",
  reported: "MLP, SGD .01 with momentum .9, batch 64",
  adam: "MLP, Adam .01, batch 64",
};

/** Errors in percent (mean, least to greatest seed), and the steps to 97 % in the median seed. */
export function renderTables(groups: readonly Group[]): string {
  const parts = [...new Set(groups.map(({ part }) => part))];
  return parts
    .flatMap((part) => {
      const paces = [...new Set(groups.filter((group) => group.part === part).map(({ pace }) => pace))];
      return paces.map((pace) => renderTable(groups, part, pace));
    })
    .join("\n\n");
}

function renderTable(groups: readonly Group[], part: PartName, pace: Pace): string {
  // One worker alone is never stale: it is played once and stands in every table.
  const members = groups.filter((group) => group.part === part && (group.pace === pace || group.workers === 1));
  const columns = [...new Set(members.map(({ rule }) => rule))];
  const rows = [...new Set(members.map(({ workers }) => workers))];
  const cell = (workers: number, rule: RuleName): string => {
    const found = members.find((group) => group.workers === workers && group.rule === rule);
    return found === undefined ? "" : renderGroup(found);
  };
  return [
    `${titles[part]}, ${pace} steps`,
    "",
    `| workers | ${columns.join(" | ")} |`,
    `| ---: | ${columns.map(() => "---").join(" | ")} |`,
    ...rows.map((workers) => `| ${workers} | ${columns.map((rule) => cell(workers, rule)).join(" | ")} |`),
  ].join("\n");
}

function renderGroup({ error, stepsToAim, diverged, seeds }: Group): string {
  if (diverged === seeds) return "diverged";
  const percent = (share: number): string => (100 * share).toFixed(1);
  const spread = `${percent(error.mean)} % (${percent(error.least)}–${percent(error.greatest)})`;
  return stepsToAim === null ? spread : `${spread}, ${stepsToAim.toFixed(0)} steps`;
}
