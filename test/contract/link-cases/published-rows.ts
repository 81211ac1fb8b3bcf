/** The rows of `asynchrony.json`, and which of them the cases over links play: none is forgotten. */
import { loadVectors } from "../../support/vectors.ts";

type Rows = Readonly<Record<string, unknown>>;

/** Groups whose entries are rows of their own. */
const groups = ["async_script", "optimizers/values", "adasum", "fedasync_s"];

/** What describes rows, and what we do not have: why. */
const leftOut: readonly (readonly [beginning: string, why: string])[] = [
  ["optimizers/note", "says where rows come from"],
  ["async_script/W0", "is where the script begins"],
  ["async_script/lr", "is its learning rate"],
  ["async_script/script", "is the script in words"],
  ["async_script/Gap-Aware", "is under a patent"],
  ["optimizers/values/adagrad(PRE-accumulate)", "divides by its accumulator before it adds to it: no paper has that"],
  ["mxnet_1bit", "decodes ±1 whatever the threshold is, so its error grows without bound: see `one_bit`"],
];

function flatten(rows: Rows, prefix = ""): readonly (readonly [path: string, row: unknown])[] {
  return Object.entries(rows).flatMap(([name, row]) => {
    const path = prefix + name;
    const isGroup = groups.some((group) => group === path || group.startsWith(`${path}/`));
    return isGroup ? flatten(row as Rows, `${path}/`) : [[path, row] as const];
  });
}

const all = flatten(loadVectors<Rows>("asynchrony"));
const claimed = new Set<string>();

/**
 * Takes a row, to be played over the links.
 * @param beginning of its path: `group/name`, as far as it tells the row from others
 */
export function takeRow<T>(beginning: string): T {
  const found = all.filter(([path]) => path.startsWith(beginning));
  const [row] = found;
  if (row === undefined || found.length > 1) throw new Error(`${found.length} published rows begin with ${beginning}`);
  claimed.add(row[0]);
  return row[1] as T;
}

/** Takes every row of a group, by name. */
export function takeGroup<T>(group: string): Readonly<Record<string, T>> {
  const found = all.filter(([path]) => path.startsWith(`${group}/`));
  if (found.length === 0) throw new Error(`no published rows in ${group}`);
  return Object.fromEntries(found.map(([path]) => [path.slice(group.length + 1), takeRow<T>(path)]));
}

/** Paths of the rows that no case has taken and that are not left out for a reason. */
export function forgottenRows(): readonly string[] {
  const isLeftOut = (path: string): boolean => leftOut.some(([beginning]) => path.startsWith(beginning));
  return all.map(([path]) => path).filter((path) => !claimed.has(path) && !isLeftOut(path));
}
