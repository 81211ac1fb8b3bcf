/**
 * When a curve reaches a target, as the paper reads it: the best accuracy so far, and between two rounds a straight line.
 *
 * @param curve accuracy after round 1, 2, …
 * @returns rounds, not whole in general; undefined where the target is never reached
 */
export function roundsTo(target: number, curve: readonly number[]): number | undefined {
  const at = curve.findIndex((accuracy) => accuracy >= target);
  if (at < 0) return undefined;
  if (at === 0) return 1;
  const before = Math.max(...curve.slice(0, at));
  return at + (target - before) / ((curve[at] ?? target) - before);
}
