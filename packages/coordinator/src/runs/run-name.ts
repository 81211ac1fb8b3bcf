/** Names of runs: also the names of their folders, in which runs of other coordinators stand. */

/**
 * `<job>-<month><day>-<time in UTC>-<number>`, as in `mnist-mlp-1121-090711-3`: the number keeps the runs of one cluster
 * apart, the time those of different clusters that share a folder. At most 63 characters for a job name of 41.
 *
 * @param now ms since the Unix epoch
 * @param number counts the runs of this cluster, from 1
 */
export function nameRun(job: string, now: number, number: number): string {
  // A calendar is made from the injected time, no clock is read: 2026-11-21T09:07:11.000Z
  // oxlint-disable-next-line no-restricted-globals
  const digits = new Date(now).toISOString().replaceAll(/[-:]/g, "");
  return `${job}-${digits.slice(4, 8)}-${digits.slice(9, 15)}-${number}`;
}
