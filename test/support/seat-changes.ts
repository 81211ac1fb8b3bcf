/** What a coordinator's log says about seats. */

export interface SeatChange {
  /** ms since 1970 */
  readonly atMs: number;
  readonly shard: number;
  readonly term: number;
  readonly reason: string;
}

const line = /^(\S+Z) run \S+, shard (\d+): (.+) \(term (\d+)\)$/gm;

export function seatChanges(log: string): readonly SeatChange[] {
  return [...log.matchAll(line)].map(([, at = "", shard, reason = "", term]) => ({
    atMs: Date.parse(at),
    shard: Number(shard),
    term: Number(term),
    reason,
  }));
}

/** Changes because of this node's silence: another is primary, or the primary goes on without it. */
export function changesBecauseOf(node: string, changes: readonly SeatChange[]): readonly SeatChange[] {
  const silent = new RegExp(
    String.raw`(takes over, because|goes on with fewer holders:) .*\b${node} is (suspected|lost)`,
  );
  return changes.filter(({ reason }) => silent.test(reason));
}

/** True for a change that made another server the primary. */
export function isTakeOver({ reason }: SeatChange): boolean {
  return reason.includes("takes over");
}
