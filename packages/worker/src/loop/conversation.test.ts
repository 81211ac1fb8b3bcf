import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  runSimulation,
  type Ref,
} from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { BatchesReply, CoordinatorMessage, EvaluationReply } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createConversation } from "./conversation.ts";

const identity = { run: "r", worker: 1, incarnation: 1, name: "worker-1" };
const measured = { step: 4, version: 4, result: { accuracy: 0.5, loss: 1, metrics: {} } };
const exhausted: BatchesReply = { type: "batches_exhausted", run: "r" };

/** A coordinator that answers as it is told, in virtual time. */
function scene(answer: (message: CoordinatorMessage, count: number) => void) {
  const clock = createSimulatedClock();
  const system = createActorSystem({ node: "worker-1", bus: createInProcessBus(), clock, random: createRandom(1) });
  const askedAtMs: number[] = [];
  const coordinator: Ref<CoordinatorMessage> = {
    address: "coordinator/main",
    tell(message) {
      askedAtMs.push(clock.now() - startMs);
      answer(message, askedAtMs.length);
    },
  };
  const abort = new AbortController();
  const conversation = createConversation({ system, coordinator, identity, signal: abort.signal });
  const startMs = clock.now();
  return { clock, system, conversation, askedAtMs, abort, run: (forMs: number) => runSimulation(clock, { forMs }) };
}

describe("a question to a coordinator that is silent", () => {
  it("is asked again every 300 ms: the one that takes over is asked soon", async () => {
    const { conversation, askedAtMs, run } = scene((message, count) => {
      if (message.type === "report_evaluation" && count === 8) {
        message.replyTo.tell({ type: "evaluation_recorded", run: "r", step: 4, proceed: true, reason: "" });
      }
    });
    const reply = conversation.reportEvaluation(measured);
    await run(10_000);
    expect(await reply).toMatchObject({ proceed: true });
    expect(askedAtMs).toEqual([0, 300, 600, 900, 1200, 1500, 1800, 2100]);
  });

  it("is answered by a slow answer to its first asking", async () => {
    const answers: ((reply: EvaluationReply) => void)[] = [];
    const { conversation, run } = scene((message) => {
      if (message.type === "report_evaluation") answers.push((reply) => message.replyTo.tell(reply));
    });
    const reply = conversation.reportEvaluation(measured);
    await run(1_000);
    answers[0]?.({ type: "evaluation_recorded", run: "r", step: 4, proceed: false, reason: "enough" });
    await run(1);
    expect(await reply).toMatchObject({ reason: "enough" });
  });

  it("is given up after a minute, by name", async () => {
    const { conversation, run } = scene(() => undefined);
    const failure = conversation.requestBatches().catch((error: unknown) => error);
    await run(70_000);
    expect(await failure).toMatchObject({ code: "deadline_exceeded", details: { waitedFor: "coordinator" } });
  });
});

describe("a question that fails", () => {
  it("is asked again after a growing pause", async () => {
    let refusals = 3;
    const { conversation, askedAtMs, run } = scene((message) => {
      if (message.type !== "request_batches") return;
      if (refusals-- > 0) throw new ShoalError("mailbox_full", "later");
      message.replyTo.tell(exhausted);
    });
    const reply = conversation.requestBatches();
    await run(5_000);
    expect(await reply).toEqual(exhausted);
    expect(askedAtMs).toEqual([0, 50, 150, 350]);
  });

  it("is called off with its run", async () => {
    const { conversation, run, abort } = scene(() => undefined);
    const failure = conversation.requestBatches().catch((error: unknown) => error);
    await run(1_000);
    abort.abort();
    await run(1);
    expect(await failure).toMatchObject({ code: "cancelled" });
  });
});
