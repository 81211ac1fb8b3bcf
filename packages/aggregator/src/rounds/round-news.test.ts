import { createSimulatedClock, runSimulation } from "@shoal/actors";
import { mostRoundsTold, type ClientNotice, type RoundSummary } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { createRoundNews } from "./round-news.ts";

const summaryOf = (round: number): RoundSummary => ({
  ...{ round, outcome: "committed", version: round, contributions: 1, samples: 1, trainingLoss: null },
  ...{ testAccuracy: null, testLoss: null, hash: "", record: "", bytesDown: 0, bytesUp: 0, epsilon: null, reason: "" },
});

function createScene() {
  const clock = createSimulatedClock();
  const told: { readonly atMs: number; readonly rounds: readonly number[] }[] = [];
  const tellAll = (notice: ClientNotice): void => {
    if (notice.type !== "rounds_closed") throw new Error(notice.type);
    told.push({ atMs: clock.now() - beganMs, rounds: notice.summaries.map(({ round }) => round) });
  };
  const beganMs = clock.now();
  return { clock, told, news: createRoundNews(clock, { tellAll }) };
}

describe("news of rounds", () => {
  it("go out at once after a pause, and together in one", async () => {
    const { clock, told, news } = createScene();
    for (let round = 1; round <= 12; round += 1) {
      news.tell(summaryOf(round));
      await runSimulation(clock, { forMs: 100 });
    }
    await runSimulation(clock, { forMs: 5_000 });
    news.tell(summaryOf(13));
    expect(told.map(({ rounds }) => rounds)).toEqual([[1], [2, 3, 4, 5, 6, 7, 8, 9, 10], [11, 12], [13]]);
    expect(told.map(({ atMs }) => atMs)).toEqual([0, 1_000, 2_000, 6_200]);
  });

  it("are told before the end, and no more of them in one message than it may hold", () => {
    const { told, news } = createScene();
    for (let round = 1; round <= mostRoundsTold + 3; round += 1) news.tell(summaryOf(round));
    news.flush();
    news.flush();
    expect(told.map(({ rounds }) => rounds.length)).toEqual([1, mostRoundsTold, 2]);
  });
});
