/**
 * Plays workers of different speeds against a real shard in virtual time: time moves on only when every worker either
 * computes or is known to wait at the shard.
 */
import { ShoalError } from "@shoal/errors";
import type { ParameterLink } from "@shoal/protocol";
import type { CaseRun } from "./case-cluster.ts";

export interface AdmissionOutcome {
  readonly makespan: number;
  /** Virtual time that each worker waited for its pulls. */
  readonly idle: readonly number[];
  /** Largest difference of completed clocks that was ever there. */
  readonly maximumGap: number;
}

interface Player {
  readonly name: string;
  readonly link: ParameterLink;
  readonly stepTime: number;
  clock: number;
  phase: "pulling" | "computing" | "done";
  /** Since when it waits, or until when it computes. */
  at: number;
  idle: number;
  answered: boolean;
  failure: unknown;
}

const deadlineMs = 20_000;

export async function playAdmission(
  run: CaseRun,
  links: readonly ParameterLink[],
  stepTimes: readonly number[],
  clocks: number,
): Promise<AdmissionOutcome> {
  const players = links.map((link, index): Player => {
    const name = `worker-${index + 1}`;
    const stepTime = stepTimes[index] ?? 1;
    return { name, link, stepTime, clock: 0, phase: "pulling", at: 0, idle: 0, answered: false, failure: undefined };
  });
  let now = 0;
  let maximumGap = 0;
  for (const player of players) startPull(player);
  for (;;) {
    await settle(run, players, now);
    const computing = players.filter(({ phase }) => phase === "computing");
    if (computing.length === 0) break;
    now = Math.min(...computing.map(({ at }) => at));
    for (const player of computing.filter(({ at }) => at === now)) {
      await pushStep(player);
      maximumGap = Math.max(maximumGap, gapOf(players));
      player.phase = player.clock === clocks ? "done" : "pulling";
      if (player.phase === "pulling") startPull(player);
    }
  }
  return { makespan: now, idle: players.map(({ idle }) => idle), maximumGap };
}

function startPull(player: Player): void {
  player.answered = false;
  const pull = player.link.pull({ shard: 0, clock: player.clock, into: new Float32Array(1) }, { deadlineMs });
  pull.then(
    () => {
      player.answered = true;
    },
    (error: unknown) => {
      player.failure = error;
    },
  );
}

async function pushStep(player: Player): Promise<void> {
  const { clock, link } = player;
  const push = { shard: 0, sequence: clock + 1, clock, baseVersion: 0, batch: null, samples: 1 };
  await link.push({ ...push, gradient: Float32Array.of(1) }, { deadlineMs });
  player.clock += 1;
}

/** Lets every answered worker compute; returns when all the others are listed as waiting at the shard. */
async function settle(run: CaseRun, players: readonly Player[], now: number): Promise<void> {
  for (const endAt = Date.now() + deadlineMs; ;) {
    for (const player of players) {
      if (player.failure !== undefined) throw ShoalError.from(player.failure);
      if (player.phase !== "pulling" || !player.answered) continue;
      player.phase = "computing";
      player.idle += now - player.at;
      player.at = now + player.stepTime;
    }
    const pulling = players.filter(({ phase }) => phase === "pulling");
    const waiting = new Set((await run.describe()).flatMap(({ waits }) => waits.map(({ waiter }) => waiter)));
    if (pulling.every(({ name, answered }) => !answered && waiting.has(name))) return;
    if (Date.now() > endAt) throw new Error(`no answer and no wait for ${pulling.map(({ name }) => name).join(", ")}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
}

function gapOf(players: readonly Player[]): number {
  const clocks = players.map(({ clock }) => clock);
  return Math.max(...clocks) - Math.min(...clocks);
}
