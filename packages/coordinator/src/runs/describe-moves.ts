/** What slots on their way mean to one worker, and to people. */
import type { SlotMoves } from "@shoal/protocol";
import type { RunState } from "./run-state.ts";

/** Something is to be given up by this worker. */
export function isGiving({ slotMoves }: RunState, member: number): boolean {
  return [...slotMoves.asked.values()].some(({ owner }) => owner === member);
}

/** What the moves mean to one worker. */
export function movesOf({ slotMoves, roster }: RunState, member: number): SlotMoves | undefined {
  const give = new Map<string, { name: string; slots: number[] }>();
  const take = new Map<string, { name: string; step: number; slots: number[] }>();
  for (const [slot, { name, owner }] of slotMoves.asked) {
    if (owner === member) listed(give, name, { name, slots: [] }).slots.push(slot);
  }
  for (const [slot, { name, step }] of slotMoves.kept) {
    if (roster.slotOwners[slot] !== member) continue;
    listed(take, `${name} ${step}`, { name, step, slots: [] }).slots.push(slot);
  }
  return give.size + take.size === 0 ? undefined : { give: [...give.values()], take: [...take.values()] };
}

function listed<E>(entries: Map<string, E>, key: string, fresh: E): E {
  const entry = entries.get(key) ?? fresh;
  entries.set(key, entry);
  return entry;
}

/** Names under which something is kept, or being saved. */
export function moveNames({ slotMoves: { asked, kept } }: RunState): ReadonlySet<string> {
  return new Set([...asked.values(), ...kept.values()].map(({ name }) => name));
}

/** Slots that a sentence lists. */
const slotsNamed = 8;

/** What people should know; empty when slots lie still and have lost nothing. */
export function movesText(run: RunState): string {
  const { asked, afresh, refused } = run.slotMoves;
  const nameOf = (member: number): string => run.workers.get(member)?.name ?? `member ${member}`;
  const givers = [...new Set([...asked.values()].map(({ owner }) => nameOf(owner)))];
  const giving =
    asked.size === 0 ? "" : `; waiting for ${givers.join(", ")} to hand ${slotsText([...asked.keys()])} over`;
  const stays = refused === null ? "" : `; slots stay where they are: ${refused.because}`;
  const from = [...new Set(afresh.values())].slice(0, slotsNamed);
  const lost = afresh.size === 0 ? "" : `; ${slotsText([...afresh.keys()])} began afresh without ${from.join(", ")}`;
  return `${giving}${stays}${lost}`;
}

function slotsText(slots: readonly number[]): string {
  const list = slots.toSorted((a, b) => a - b);
  const more = list.length > slotsNamed ? ` and ${list.length - slotsNamed} more` : "";
  return `slot${list.length === 1 ? "" : "s"} ${list.slice(0, slotsNamed).join(", ")}${more}`;
}
