import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  runSimulation,
} from "@shoal/actors";
import type { CoordinatorMessage, Placement, RequestPlacement } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createPlacementInquiry } from "./placement-inquiry.ts";

const identity = { run: "r", worker: 1, incarnation: 1, name: "worker-1" };
const at = (node: string) => ({ shard: 0, begin: 0, end: 2, node, endpoint: `${node}:1` });
const placementOf = (term: number): Placement => ({ term, shards: [at(`server-${term}`)] });

/** A coordinator that answers as many questions as it is told to. */
function scene() {
  const clock = createSimulatedClock();
  const system = createActorSystem({ node: "worker-1", bus: createInProcessBus(), clock, random: createRandom(1) });
  const asked: RequestPlacement[] = [];
  let answers = 0;
  const coordinator = system.spawn<CoordinatorMessage>("coordinator", () => (message) => {
    if (message.type !== "request_placement") return;
    asked.push(message);
    if (answers-- > 0) message.replyTo.tell({ type: "placement", run: "r", placement: placementOf(2) });
  });
  const abort = new AbortController();
  const followed: Placement[] = [];
  let term = 1;
  const follow = (placement: Placement): void => {
    followed.push(placement);
    term = placement.term;
  };
  const options = { system, coordinator, identity, signal: abort.signal, term: () => term, follow };
  const missed = createPlacementInquiry(options);
  const run = (forMs: number): Promise<unknown> => runSimulation(clock, { forMs });
  return { asked, followed, missed, run, abort, answer: (count: number) => (answers = count) };
}

describe("a worker whose server is gone", () => {
  it("asks for the newest placement, and follows the answer", async () => {
    const { asked, followed, missed, run, answer } = scene();
    answer(1);
    missed();
    missed();
    await run(10);
    expect(asked).toMatchObject([{ run: "r", member: 1, incarnation: 1, term: 1 }]);
    expect(followed).toEqual([placementOf(2)]);
  });

  it("asks one question at a time, with a deadline, and says which placement it knows", async () => {
    const { asked, missed, run, answer, followed } = scene();
    for (let turn = 0; turn < 20; turn++) {
      missed();
      await run(100);
    }
    // One second each, and the rest between them.
    expect(asked.length).toBe(2);
    answer(1);
    await run(1_000);
    missed();
    await run(200);
    expect(followed).toHaveLength(1);
    missed();
    await run(10);
    expect(asked.at(-1)).toMatchObject({ term: 2 });
  });

  it("asks and follows nothing once the run is over for it", async () => {
    const { asked, followed, missed, run, answer, abort } = scene();
    answer(1);
    missed();
    abort.abort();
    await run(10);
    missed();
    await run(1_000);
    expect([asked.length, followed]).toEqual([1, []]);
  });
});
