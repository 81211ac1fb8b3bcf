/** Terms of runs that are over, so that a message that comes late does not bring one back. */

/** Runs that are remembered. */
export const maximumEndedRuns = 1024;

export interface EndedRuns {
  add(run: string, term: number): void;
  termOf(run: string): number | undefined;
}

export function createEndedRuns(capacity: number = maximumEndedRuns): EndedRuns {
  const terms = new Map<string, number>();
  return {
    add(run, term) {
      terms.delete(run);
      terms.set(run, term);
      for (const oldest of terms.keys()) {
        if (terms.size <= capacity) break;
        terms.delete(oldest);
      }
    },
    termOf: (run) => terms.get(run),
  };
}
