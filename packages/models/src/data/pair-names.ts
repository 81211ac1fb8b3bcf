/** Which column of a data set belongs to which input or output of a model. */

/**
 * A single wanted name takes a single column whatever their names; otherwise names must be equal.
 * @returns wanted name → column name; undefined for a name that has no column
 */
export function pairNames(
  wanted: readonly string[],
  columns: readonly string[],
): ReadonlyMap<string, string | undefined> {
  const [onlyColumn] = columns;
  if (wanted.length === 1 && columns.length === 1) return new Map(wanted.map((name) => [name, onlyColumn]));
  return new Map(wanted.map((name) => [name, columns.includes(name) ? name : undefined]));
}
