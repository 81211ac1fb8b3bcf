/** What the study has to show, as rows of the report. */
import { compare, type Row } from "../frame/report.ts";
import type { PartName } from "./parts.ts";
import { findGroup, type Group } from "./summary.ts";

/** Training that gets half of the answers wrong has failed. */
const failure = 50;
/** Training that gets 85 of a hundred answers right has learned: failed training gets ten. */
const success = 15;

const percent = (share: number): number => 100 * share;

/** Leaves out what needs cells that are not there. */
export function aimRows(groups: readonly Group[]): readonly Row[] {
  return [
    ...manyWorkers(groups, "rules", "MLP"),
    ...manyWorkers(groups, "network", "CNN"),
    ...compensation(groups, "compensation"),
    ...compensation(groups, "lower"),
    ...reported(groups, "reported", "rate .01 with momentum"),
    ...reported(groups, "sgd", "rate .01"),
    ...reported(groups, "adam", "Adam .01"),
  ];
}

/** Zhang et al.: 30 workers fail without a rule, and reach one worker's error with it. */
function manyWorkers(groups: readonly Group[], part: PartName, label: string): readonly Row[] {
  const alone = findGroup(groups, { part, workers: 1, rule: "none" });
  const plain = findGroup(groups, { part, workers: 30, rule: "none" });
  const ruled = findGroup(groups, { part, workers: 30, rule: "inverse" });
  if (alone === undefined || plain === undefined || ruled === undefined) return [];
  return [
    compare({
      ...{ name: `${label}, 30 workers, no rule: fails`, value: percent(plain.error.mean), unit: "% errors" },
      ...{ limit: failure, limitName: "or more", aim: { kind: "at_least", ratio: 1 } },
    }),
    compare({
      ...{ name: `${label}, 30 workers, inverse`, value: percent(ruled.error.mean), unit: "% errors" },
      ...{ limit: percent(alone.error.greatest), limitName: "one worker's worst seed" },
      aim: { kind: "at_most", ratio: 1 },
    }),
  ];
}

/**
 * Zheng et al.: adaptive no worse than constant, constant no worse than none. At a rate that hurts the means say it;
 * at the best rate they are close to each other, and the other's worst seed is the limit.
 */
function compensation(groups: readonly Group[], part: "compensation" | "lower"): readonly Row[] {
  const [plain, constant, adaptive] = (["none", "DC-ASGD-c", "DC-ASGD-a"] as const).map((rule) =>
    findGroup(groups, { part, workers: 8, rule }),
  );
  if (plain === undefined || constant === undefined || adaptive === undefined) return [];
  const label = part === "lower" ? "8 workers, rate .05" : "8 workers, rate .1";
  const noWorse = (rule: string, group: Group, than: Group, limitName: string): Row =>
    compare({
      ...{ name: `${label}, ${rule}`, value: percent(group.error.mean), unit: "% errors" },
      limit: percent(part === "lower" ? than.error.greatest : than.error.mean),
      limitName: part === "lower" ? `${limitName}, worst seed` : limitName,
      aim: { kind: "at_most", ratio: 1 },
    });
  return [noWorse("DC-ASGD-c", constant, plain, "no rule"), noWorse("DC-ASGD-a", adaptive, constant, "DC-ASGD-c")];
}

function reported(groups: readonly Group[], part: PartName, label: string): readonly Row[] {
  const plain = findGroup(groups, { part, workers: 8, rule: "none" });
  const standard = findGroup(groups, { part, workers: 8, rule: "inverse" });
  if (plain === undefined || standard === undefined) return [];
  return [
    compare({
      ...{ name: `8 workers, ${label}, default rule: learns`, value: percent(standard.error.greatest) },
      ...{ unit: "% errors", limit: success, limitName: "in the worst seed", aim: { kind: "at_most", ratio: 1 } },
    }),
    compare({
      ...{ name: `8 workers, ${label}, no rule`, value: percent(plain.error.mean), unit: "% errors" },
      ...{ limit: percent(standard.error.mean), limitName: "default rule" },
    }),
  ];
}
