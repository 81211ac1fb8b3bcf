/**
 * Shares pieces of work out so that all is done as early as possible.
 *
 * The shortest time for n equal pieces is the least T with  Σᵢ ⌊T / tᵢ⌋ ≥ n,  tᵢ being worker i's time for one piece.
 *
 * @param members at least one
 * @param timeOf time of a member for one piece, above 0
 * @param least pieces of each member at least; `count` holds them all
 * @returns pieces of each member, `count` in all
 */
export function shareOut(
  members: readonly number[],
  count: number,
  timeOf: (member: number) => number,
  least: (member: number) => number = () => 0,
): Map<number, number> {
  const fitting = (limit: number): Map<number, number> =>
    // A hair more, so that a limit that is a multiple of a time holds that multiple.
    new Map(
      members.map((member) => [member, Math.max(least(member), Math.floor((limit * (1 + 1e-9)) / timeOf(member)))]),
    );
  let low = 0;
  let high = count * Math.min(...members.map(timeOf));
  for (let halvings = 0; halvings < 50; halvings += 1) {
    const middle = (low + high) / 2;
    if (sumOf(fitting(middle)) >= count) high = middle;
    else low = middle;
  }
  const counts = fitting(high);
  for (let spare = sumOf(counts) - count; spare > 0; spare -= 1) {
    const able = [...counts].filter(([member, pieces]) => pieces > least(member));
    const [most] = able.toSorted(([, a], [, b]) => b - a)[0] ?? [];
    if (most !== undefined) counts.set(most, (counts.get(most) ?? 0) - 1);
  }
  return counts;
}

function sumOf(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((all, each) => all + each, 0);
}
