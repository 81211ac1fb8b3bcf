/** What people are told of a copy that is on its way to another server. */
import type { RunState } from "../runs/run-state.ts";
import { isSettled } from "./run-seats.ts";
import { isSetAside, reachedText } from "./watch-learners.ts";

/** Moves that take less are not worth a word, ms. */
const lastsMs = 5_000;

/** Copies and servers that a sentence names. */
const named = 4;

/**
 * Names the move that lasts, and whom it waits for: all others wait for it; copies that are filled for long, and servers that
 * did not catch up a while ago. Empty when there is none of it.
 */
export function shardMovesText(run: RunState, now: number): string {
  const forMs = now - run.movedAtMs;
  const moves =
    forMs < lastsMs
      ? []
      : [...run.moves].map(([shard, move]) => `${moveText(run, shard, move)} since ${seconds(forMs)}`);
  return [...moves, ...fillTexts(run, now), ...slowTexts(run, now)].map((sentence) => `; ${sentence}`).join("");
}

/** Of those that do not belong to a move. */
function fillTexts(run: RunState, now: number): readonly string[] {
  const lasting = [...run.fills].filter(([shard, { sinceMs }]) => now - sinceMs >= lastsMs && !run.moves.has(shard));
  const texts = lasting.slice(0, named).map(([shard, fill]) => {
    const { primary, learners } = run.seats.get(shard) ?? { primary: undefined, learners: [] };
    const who = `${primary?.node ?? "nobody"} fills ${learners[0]?.node ?? "nobody"}`;
    return `${who} with shard ${shard} since ${seconds(now - fill.sinceMs)} (${reachedText(fill)})`;
  });
  return lasting.length > named ? [...texts, `${lasting.length - named} more copies are being filled`] : texts;
}

function slowTexts(run: RunState, now: number): readonly string[] {
  const resting = [...run.slowServers].filter(([member, slow]) => isSetAside(run, { member, ...slow }, now));
  const texts = resting.slice(0, named).map(([, { said, restsUntilMs }]) => {
    return `${said}, and takes no copies for ${seconds(restsUntilMs - now)}`;
  });
  return resting.length > named
    ? [...texts, `${resting.length - named} more servers have not caught up either`]
    : texts;
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
    const fill = run.fills.get(shard);
    const reached = fill === undefined ? "" : `: ${reachedText(fill)}`;
    return hosts ? `${primary.node} fills ${learner.node}${reached}` : `${learner.node} has not said that it hosts it`;
  }
  return replicas.some(({ member }) => member === to) ? "the copy has come" : "nobody is filled yet";
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
