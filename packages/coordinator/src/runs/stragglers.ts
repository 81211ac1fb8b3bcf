/**
 * Which workers of a run are stragglers: by the time that they need for a sample, against all others.
 *
 * A worker is slow when its time is above  max(1.5 · m, m + 3 · 1.4826 · MAD)  with m the median of the workers' times
 * and MAD the median of |time − m|; 1.4826 · MAD estimates the standard deviation of a normal distribution from
 * something that the slow ones cannot move (Hampel 1974). Of an even number the lower median is taken, so that of two
 * workers the faster one sets the measure. Times are those of a sample, so that parts of different sizes compare.
 */

/** One report's computing. */
export interface ReportedWork {
  readonly steps: number;
  readonly samples: number;
  readonly computeMs: number;
}

/** Steps that a worker's time is taken from, its newest. */
export const windowSteps = 5;
/** Steps before anything is said of a worker. */
const fewestSteps = 3;
const outlying = 3 * 1.4826;
const leastFactor = 1.5;
/** One that is named stays so until it is this far below the limit: it is not named again and again. */
const recovered = 0.9;

/** @returns the newest reports, oldest first, that cover `windowSteps` steps: at most so many */
export function addWork(recent: readonly ReportedWork[], work: ReportedWork): readonly ReportedWork[] {
  if (work.steps <= 0 || work.samples <= 0) return recent;
  const kept: ReportedWork[] = [work];
  let steps = work.steps;
  for (const former of recent.toReversed()) {
    if (steps >= windowSteps) break;
    kept.unshift(former);
    steps += former.steps;
  }
  return kept;
}

/**
 * Median time of a sample over the newest steps, ms; a report counts as often as it has steps in the window. One slow
 * step among five changes nothing, the third one does.
 *
 * @returns null while fewer than three steps are known
 */
export function msPerSample(recent: readonly ReportedWork[]): number | null {
  const times: number[] = [];
  for (const { steps, samples, computeMs } of recent.toReversed()) {
    const counted = Math.min(steps, windowSteps - times.length);
    for (let step = 0; step < counted; step += 1) times.push(computeMs / samples);
  }
  return times.length < fewestSteps ? null : (lowerMedian(times) ?? null);
}

export interface Pace {
  readonly member: number;
  /** Its time for a sample as a multiple of the median. */
  readonly timesMedian: number;
  readonly straggler: boolean;
}

/** Members that are named. */
export function stragglersOf({ paces }: { readonly paces: readonly Pace[] }): ReadonlySet<number> {
  return new Set(paces.filter(({ straggler }) => straggler).map(({ member }) => member));
}

/**
 * Ranks workers, the slowest first; ties by member.
 *
 * @param times of a sample, by member, ms
 * @param named members that are stragglers so far
 */
export function rankWorkers(times: ReadonlyMap<number, number>, named: ReadonlySet<number>): readonly Pace[] {
  const median = lowerMedian([...times.values()]);
  if (median === undefined || median <= 0) return [];
  const spread = lowerMedian([...times.values()].map((time) => Math.abs(time - median))) ?? 0;
  const limit = Math.max(leastFactor * median, median + outlying * spread);
  return [...times]
    .map(([member, time]) => {
      const straggler = time > (named.has(member) ? recovered * limit : limit);
      return { member, timesMedian: time / median, straggler };
    })
    .toSorted((a, b) => b.timesMedian - a.timesMedian || a.member - b.member);
}

function lowerMedian(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}
