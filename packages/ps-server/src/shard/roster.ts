/** Who takes part in the run, as the coordinator last said: names, incarnations and slots. */
import type { LinkIdentity, RunMembers } from "@shoal/protocol";

export interface Roster {
  readonly members: RunMembers;
  /** True when no members are listed: anybody may push (stores that belong to no job). */
  readonly isOpen: boolean;
  /** The listed incarnation; undefined for one who is not listed. */
  incarnationOf(worker: number): number | undefined;
  /** Slot of a contribution that names no batch: the worker's place among the members, by member number. */
  placeOf(worker: number): number | undefined;
  nameOf(worker: number): string;
  /** Member that has to fill a slot; undefined when nobody does. */
  ownerMember(slot: number): number | undefined;
  /** Who has to fill a slot. */
  ownerOf(slot: number): string;
}

export function createRoster(members: RunMembers): Roster {
  const sorted = members.workers.toSorted((a, b) => a.member - b.member);
  const places = new Map(sorted.map((worker, place) => [worker.member, place]));
  const isOpen = sorted.length === 0;
  const entryOf = (worker: number): RunMembers["workers"][number] | undefined => sorted[places.get(worker) ?? -1];
  const nameOf = (worker: number): string => entryOf(worker)?.name ?? `member ${worker}`;
  const ownerMember = (slot: number): number | undefined => members.slotOwners[slot] ?? sorted[slot]?.member;
  return {
    members,
    isOpen,
    incarnationOf: (worker) => entryOf(worker)?.incarnation,
    placeOf: (worker) => (isOpen ? worker : places.get(worker)),
    nameOf,
    ownerMember,
    ownerOf(slot) {
      const owner = ownerMember(slot);
      return owner === undefined ? `the owner of slot ${slot}` : nameOf(owner);
    },
  };
}

/**
 * Whether a sender may push.
 * @returns undefined when it may, otherwise why not
 */
export function refusalOf(roster: Roster, sender: LinkIdentity): string | undefined {
  if (roster.isOpen) return undefined;
  const listed = roster.incarnationOf(sender.worker);
  if (listed === undefined) return `${sender.name} (member ${sender.worker}) takes no part in run ${sender.run}`;
  // A newer incarnation is let in: the coordinator tells servers and workers at the same time, not in one order.
  if (listed <= sender.incarnation) return undefined;
  return `${sender.name} speaks as incarnation ${sender.incarnation}, but incarnation ${listed} has joined since`;
}
