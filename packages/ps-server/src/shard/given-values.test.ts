import { runSimulation } from "@shoal/actors";
import type { PullReply, Refusal } from "@shoal/protocol";
import { expect, test } from "vitest";
import { createShardScene, runName } from "../../../../test/support/shard-scene.ts";

test("whoever could not take a difference yet gets one when it comes again, and not the values whole", async () => {
  const scene = await createShardScene(4, {
    consistency: { mode: "asynchronous" },
    encoding: { push: { name: "float32" }, pull: { name: "int8" } },
  });
  await scene.initialize([1, 2, 3, 4]);
  const sender = { run: runName, worker: 1, incarnation: 1, name: "worker-1" };
  const pull = async (have: number, hasRoom: boolean): Promise<{ reply: PullReply | Refusal; took: boolean }> => {
    const heard: (PullReply | Refusal)[] = [];
    let took = false;
    scene.shard.tell({
      ...{ type: "pull", sender, clock: 0, deadlineMs: 1000, have },
      receive: () => (took = true),
      hasRoom: () => hasRoom,
      replyTo: { address: "test/reply", tell: (reply: PullReply | Refusal) => void heard.push(reply) },
    });
    await runSimulation(scene.clock, { forMs: 0 });
    const [reply] = heard;
    if (reply === undefined) throw new Error("no answer");
    return { reply, took };
  };
  const first = await pull(0, true);
  const { stamp = 0 } = first.reply as PullReply;
  expect(first).toEqual({ reply: { type: "values", version: 0, stamp: expect.any(Number) }, took: true });
  expect(stamp).toBeGreaterThan(0);
  scene.push(2, { gradient: [1, 1, 1, 1], batch: null });
  await scene.run();
  expect(await pull(stamp, false)).toEqual({ reply: { type: "values", version: 1 }, took: false });
  expect(await pull(stamp, true)).toEqual({
    reply: { type: "values", version: 1, stamp: stamp + 1, form: "difference" },
    took: true,
  });
  await scene.close();
});
