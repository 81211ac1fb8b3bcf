import { expect, it } from "vitest";
import { chainLines } from "./why-text.ts";

it("says who waits for the cause and what the cause does on one line, and who waits for those below", () => {
  const lines = chainLines({
    cause: "worker-3",
    state: "computing for 1.8 s, 4.9× the median time for a sample",
    links: [
      {
        waiters: ["shard-0", "shard-1"],
        waitingFor: ["worker-3"],
        reason: "the contribution to step 512 of worker-3",
        forMs: 1_800,
      },
      { waiters: ["worker-1"], waitingFor: ["shard-0"], reason: "pull of clock 513", forMs: null },
    ],
    waiting: 3,
  });
  expect(lines).toEqual([
    "  shard-0, shard-1 wait for worker-3 (the contribution to step 512 of worker-3, 1.8 s); worker-3: computing for 1.8 s, 4.9× the median time for a sample",
    "    worker-1 waits for shard-0 (pull of clock 513)",
  ]);
});
