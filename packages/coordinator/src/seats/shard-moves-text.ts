/** What people are told of a copy that is on its way to another server. */
import type { RunState } from "../runs/run-state.ts";
import { isSettled } from "./run-seats.ts";

/** Moves that take less are not worth a word, ms. */
const lastsMs = 5_000;

/** Names the move that lasts, and whom it waits for: all others wait for it. Empty when none lasts. */
export function shardMovesText(run: RunState, now: number): string {
  const forMs = now - run.movedAtMs;
  if (forMs < lastsMs) return "";
  return [...run.moves].map(([shard, move]) => `; ${moveText(run, shard, move)} since ${seconds(forMs)}`).join("");
}

function moveText(run: RunState, shard: number, { from, to, isLead }: MovedCopy): string {
  const nameOf = (member: number): string =>
    run.servers.find((each) => each.member === member)?.name ?? `member ${member}`;
  const what = isLead === true ? `the lead of shard ${shard}` : `shard ${shard}`;
  return `${what} is on its way from ${nameOf(from)} to ${nameOf(to)} (${stageOf(run, shard, to)})`;
}

type MovedCopy = RunState["moves"] extends ReadonlyMap<number, infer M> ? M : never;

/** The stages of `decideSeat`, in their order. */
function stageOf(run: RunState, shard: number, to: number): string {
  const seat = run.seats.get(shard);
  if (seat === undefined) return "it has no seat";
  const { primary, replicas, learners, term } = seat;
  if (!isSettled(run, seat)) return `${primary.node} has not confirmed term ${term}`;
  const learner = learners.find(({ member }) => member === to);
  if (learner !== undefined) {
    const server = run.servers.find(({ member }) => member === to);
    const hosts = server?.known.has(shard) === true;
    return hosts ? `${primary.node} fills ${learner.node}` : `${learner.node} has not said that it hosts it`;
  }
  return replicas.some(({ member }) => member === to) ? "the copy has come" : "nobody is filled yet";
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
