/** What slots on their way mean to one worker, and to people. */
import type { SlotMoves } from "@shoal/protocol";
import type { MovingSlots } from "./moving-slots.ts";
import type { RunState } from "../run-state.ts";

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
  const { asked, refused } = run.slotMoves;
  const nameOf = (member: number): string => run.workers.get(member)?.name ?? `member ${member}`;
  const givers = [...new Set([...asked.values()].map(({ owner }) => nameOf(owner)))];
  const giving =
    asked.size === 0 ? "" : `; waiting for ${givers.join(", ")} to hand ${slotsText([...asked.keys()])} over`;
  const stays = refused === null ? "" : `; slots stay where they are: ${refused.because}`;
  return `${giving}${stays}${lossesText(run)}`;
}

/** What slots have kept and lost, and with whom: bits of the result that depend on it. Empty where nothing was lost. */
export function lossesText({ slotMoves: { afresh, stoodIn } }: RunState): string {
  const from = [...new Set(afresh.values())].slice(0, slotsNamed);
  const lost = afresh.size === 0 ? "" : `; ${slotsText([...afresh.keys()])} began afresh without ${from.join(", ")}`;
  const told = standInTexts(stoodIn);
  const more = told.length > standInsNamed ? `; and ${told.length - standInsNamed} more stood in for others` : "";
  const named = told.slice(0, standInsNamed).map((sentence) => `; ${sentence}`);
  return `${lost}${named.join("")}${more}`;
}

/** Pairs of workers that a sentence names. */
const standInsNamed = 4;

/** A sentence for each pair of workers. */
export function standInTexts(stoodIn: MovingSlots["stoodIn"]): readonly string[] {
  const pairs = Map.groupBy(stoodIn, ([, { by, owner }]) => JSON.stringify([by, owner]));
  return [...pairs.values()].map((entries) => {
    const { by, owner } = entries[0]?.[1] ?? { by: "", owner: "" };
    const step = Math.max(...entries.map(([, each]) => each.step));
    const slots = slotsText(entries.map(([slot]) => slot));
    return `${by} contributed ${slots} in place of ${owner}, without what is kept of ${entries.length === 1 ? "it" : "them"} (step ${step})`;
  });
}

function slotsText(slots: readonly number[]): string {
  const list = slots.toSorted((a, b) => a - b);
  const more = list.length > slotsNamed ? ` and ${list.length - slotsNamed} more` : "";
  return `slot${list.length === 1 ? "" : "s"} ${list.slice(0, slotsNamed).join(", ")}${more}`;
}
