/** Collects the classes of a column and numbers them. */

/** Most classes that a column may have. */
export const classLimit = 65_536;

/**
 * Sorted: as numbers where all are numbers, else as text; so the numbers of classes do not depend on the order of rows.
 */
export function sortedNames(names: Iterable<string>): string[] {
  const all = [...names];
  const numeric = all.every((name) => name !== "" && Number.isFinite(Number(name)));
  const byText = (left: string, right: string): number => (left < right ? -1 : 1);
  return all.sort(numeric ? (left, right) => Number(left) - Number(right) || byText(left, right) : byText);
}
