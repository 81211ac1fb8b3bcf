/**
 * Rows of known answers for federated learning, by path: those of `federated.json`, and those that papers and the tests of
 * other systems publish. `test/federated-rows.test.ts` sees to it that some test takes each of them.
 */
import { publishedFederatedRows } from "./published-federated-rows.ts";
import { loadVectors } from "./vectors.ts";

type Groups = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const groups: Groups = { ...loadVectors<Groups>("federated"), ...publishedFederatedRows };

/** @param path `group/name` */
export function takeFederatedRow<T>(path: string): T {
  const cut = path.indexOf("/");
  const group = groups[path.slice(0, cut)];
  const name = path.slice(cut + 1);
  if (group === undefined || !Object.hasOwn(group, name)) throw new Error(`there is no row ${path}`);
  return group[name] as T;
}

/** All rows of a group, by name. */
export function takeFederatedGroup<T>(group: string): T {
  const rows = groups[group];
  if (rows === undefined) throw new Error(`there is no group ${group}`);
  return rows as T;
}

/** Paths of all rows. */
export function federatedRowPaths(): readonly string[] {
  return Object.entries(groups).flatMap(([group, rows]) => Object.keys(rows).map((name) => `${group}/${name}`));
}
