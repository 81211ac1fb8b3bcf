/** What bounds replication, in memory and in time. */

/** Entries that a primary keeps for its replicas. Of these the last `reservedEntries` are for member lists. */
export const maximumEntries = 1024;
export const reservedEntries = 64;
/** Vectors that it keeps for them: as many as fit into `logBytes`, and not fewer than `leastVectors`. */
export const logBytes: number = 32 * 2 ** 20;
export const leastVectors = 3;
/** Entries on their way to one replica, and parts of a state. */
export const entriesUnderWay = 16;
export const partsUnderWay = 2;
/** Replies that wait for replicas; one more is refused with `mailbox_full`. */
export const maximumHeld = 1024;
/** Pushes that wait for room in the log; one more is refused with `mailbox_full`. */
export const maximumDeferred = 256;

/** Deadline of an entry without a vector, and of a part of a state, ms. */
const entryDeadlineMs = 2000;
export const partDeadlineMs = 10_000;
/** The slowest line that entries are to get through, bytes a millisecond: 40 Mbit/s. */
const slowestLine = 5_000;

/**
 * A long vector has the time that it takes over a slow line, behind those that are under way with it; otherwise it would be
 * given up and begun again for ever. A line that is dead is noticed by its keepalive.
 *
 * @param vectorBytes of the entry
 */
export function entryDeadlineOf(vectorBytes: number): number {
  return entryDeadlineMs + (leastVectors * vectorBytes) / slowestLine;
}
/** After a failure a peer is tried again: the first time after this, then after twice as long, at most, ms. */
export const firstRetryMs = 10;
export const longestRetryMs = 500;
/** How long updates wait for a learner that falls behind, before it is filled afresh: this, then twice as long, ms. */
export const learnerPatienceMs = 500;
export const longestPatienceMs = 30_000;
/** How often a primary says that a learner has caught up, ms. */
export const caughtUpEveryMs = 250;
/** How long the first values of a shard may wait for its replicas, ms. */
export const initializeDeadlineMs = 10_000;
