import { createSimulatedClock } from "@shoal/actors";
import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import type { RequestHead, RequestKind, ResponseOutcome, ShardCommand } from "@shoal/protocol";
import { describe, expect, test } from "vitest";
import { defaultServiceBounds, shardGraceMs } from "./bounds.ts";
import { createInstallPlaces } from "./install-places.ts";
import { createPullCopies, type PullCopy } from "./pull-copies.ts";
import { createServerRequest, type ServerRequest } from "./server-request.ts";
import type { StagingVerdict } from "./staging-decision.ts";
import { createStagingPool } from "./staging-pool.ts";

const memory = createKernelMemory();
const kernels = instantiateKernels(await loadKernelModules(), memory);
const keys = 4;
const push = { shard: 3, sequence: 1, clock: 0, baseVersion: 0, batch: null, samples: 1 };

type Told<T extends ShardCommand["type"]> = Extract<ShardCommand, { type: T }>;

/** A desk whose shard is played by the test, on simulated time. */
function desk(verdict: StagingVerdict = "next") {
  const clock = createSimulatedClock();
  const told: ShardCommand[] = [];
  const answers: { outcome: ResponseOutcome; copy: PullCopy | undefined }[] = [];
  const supplied: (Uint8Array | "discard")[] = [];
  const staging = createStagingPool({ memory, keys, slots: 0 });
  const copies = createPullCopies({ memory, kernels, keys, longest: 0, copies: 1 });
  const place = {
    shard: 3,
    ref: { address: "server-1/run-1-shard-3", tell: (command: ShardCommand) => void told.push(command) },
    keys,
    payloads: { wordsOf: () => keys, maximumWords: keys, differenceWords: 0 },
    admission: { decide: () => verdict, frontOwner: () => undefined, onChange: () => () => undefined },
    staging,
    copies,
    parts: createInstallPlaces(),
  };
  let number = 0;
  const request = (kind: RequestKind, totalBytes = keys * 4): ServerRequest => {
    const head: RequestHead = { type: "head", request: ++number, kind, totalBytes, deadlineMs: 1000 };
    return createServerRequest(head, place, {
      identity: { run: "run-1", worker: 1, incarnation: 1, name: "worker-1" },
      clock,
      bounds: defaultServiceBounds,
      supply: (where) => supplied.push(where),
      answer: (outcome, copy) => answers.push({ outcome, copy }),
    });
  };
  const receive = (kind: RequestKind, fill: number): ServerRequest => {
    const made = request(kind);
    const where = made.begin(keys * 4);
    if (typeof where !== "string") new Float32Array(where.buffer, where.byteOffset, keys).fill(fill);
    if (where !== "wait") made.frameEnd();
    return made;
  };
  const pull = (): ServerRequest => {
    const made = request({ type: "pull", shard: 3, clock: 0 }, 0);
    made.begin(0);
    made.frameEnd();
    return made;
  };
  const last = <T extends ShardCommand["type"]>(_type: T): Told<T> => told.at(-1) as Told<T>;
  return { clock, told, answers, supplied, staging, copies, request, receive, pull, last };
}

const errorOf = (outcome: ResponseOutcome | undefined) => (outcome?.type === "error" ? outcome.error : undefined);

describe("a request at the server", () => {
  test("shows the shard the gradient where it was received, and takes it back with the reply", () => {
    const { receive, last, answers, staging } = desk();
    receive({ type: "push", push }, 7);
    const command = last("push");
    expect([...command.push.gradient]).toEqual([7, 7, 7, 7]);
    expect(staging.owners()).toEqual(["worker-1"]);
    command.release();
    command.replyTo.tell({ type: "push_applied", version: 1, staleness: 0 });
    expect(staging.owners()).toEqual([]);
    expect(answers[0]?.outcome).toEqual({ type: "push", reply: { type: "push_applied", version: 1, staleness: 0 } });
  });

  test("is answered for by the service when the shard is silent, and the gradient is taken back unread", () => {
    const { receive, last, answers, staging, clock } = desk();
    receive({ type: "push", push }, 7);
    clock.advance(1000 + shardGraceMs - 1);
    expect(answers).toEqual([]);
    clock.advance(1);
    expect(errorOf(answers[0]?.outcome)).toMatchObject({
      code: "deadline_exceeded",
      details: { waitingFor: "shard 3" },
    });
    expect(staging.owners()).toEqual([]);
    // The shard comes to it after all.
    expect(last("push").push.gradient).toHaveLength(0);
    last("push").replyTo.tell({ type: "push_applied", version: 1, staleness: 0 });
    expect(answers).toHaveLength(1);
  });

  test("leaves the gradient to a shard that has looked at it, however late", () => {
    const { receive, last, staging, clock } = desk();
    receive({ type: "push", push }, 7);
    const { gradient } = last("push").push;
    clock.advance(1000 + shardGraceMs);
    expect(staging.owners()).toEqual(["worker-1"]);
    expect([...gradient]).toEqual([7, 7, 7, 7]);
    last("push").release();
    expect(staging.owners()).toEqual([]);
  });

  test("that waits for a region is told at its deadline who has it, and its bytes are dropped", () => {
    const { receive, request, answers, supplied, clock } = desk();
    request({ type: "push", push }).begin(8);
    receive({ type: "push", push: { ...push, sequence: 2 } }, 1);
    clock.advance(1000);
    expect(answers.map(({ outcome }) => errorOf(outcome)?.details["waitingFor"])).toEqual(["worker-1", "worker-1"]);
    expect(supplied).toEqual(["discard"]);
  });

  test("keeps its region until the frame that is being written has ended", () => {
    const { request, staging } = desk();
    const half = request({ type: "push", push });
    half.begin(8);
    half.drop(false);
    expect(staging.owners()).toEqual(["worker-1"]);
    expect(half.frameEnd()).toBe(false);
    expect(staging.owners()).toEqual([]);
    expect(half.next(8, 8)).toBe("discard");
    expect(half.frameEnd()).toBe(true);
  });

  test("whose gradient the shard has no use for is told without it, and repeated when the shard has changed its mind", () => {
    const { receive, last, answers, staging } = desk("discard");
    receive({ type: "push", push }, 7);
    expect(staging.idle).toBe(true);
    expect(last("push").push.gradient).toHaveLength(0);
    last("push").replyTo.tell({ type: "push_duplicate", version: 4 });
    receive({ type: "push", push }, 7);
    const error = { code: "layout_mismatch", message: "0 values for a range of 4", details: {} } as const;
    last("push").replyTo.tell({ type: "refused", error });
    expect(answers[0]?.outcome).toEqual({ type: "push", reply: { type: "push_duplicate", version: 4 } });
    expect(errorOf(answers[1]?.outcome)).toMatchObject({ code: "deadline_exceeded" });
  });

  test("waits for a free copy in order, and asks the shard again when others were quicker", () => {
    const { pull, told, answers, copies } = desk();
    const serve = (index: number, version: number): void => {
      const command = told[index] as Told<"pull">;
      command.receive(new Float32Array(keys).fill(version), version);
      command.replyTo.tell({ type: "values", version });
    };
    // Two are told while the one copy is free; the shard moves on between them.
    pull();
    pull();
    serve(0, 1);
    serve(1, 2);
    pull();
    expect([told.length, answers.length]).toEqual([2, 1]);
    answers[0]?.copy?.release();
    expect(told).toHaveLength(4);
    serve(2, 3);
    serve(3, 3);
    expect(answers.map(({ outcome }) => (outcome.type === "pull" ? outcome.reply.version : undefined))).toEqual([
      1, 3, 3,
    ]);
    for (const { copy } of answers) copy?.release();
    expect(copies.idle).toBe(true);
  });

  test("pulls after its push, in one answer; a push that fails ends it", () => {
    const { receive, last, told, answers } = desk();
    receive({ type: "push_pull", push, pullClock: 1 }, 2);
    expect(told).toHaveLength(1);
    last("push").replyTo.tell({ type: "push_applied", version: 1, staleness: 0 });
    last("pull").receive(new Float32Array(keys), 1);
    last("pull").replyTo.tell({ type: "values", version: 1 });
    expect(answers[0]?.outcome).toMatchObject({ type: "push_pull", pull: { version: 1 } });
    receive({ type: "push_pull", push, pullClock: 2 }, 2);
    last("push").replyTo.tell({ type: "refused", error: { code: "not_finite", message: "NaN", details: {} } });
    expect([told.length, errorOf(answers[1]?.outcome)?.code]).toEqual([3, "not_finite"]);
  });

  test("that was dropped is answered no more, and nothing of it is kept", () => {
    const { receive, pull, last, answers, staging, copies, clock } = desk();
    receive({ type: "push", push }, 1).drop(true);
    last("push").release();
    last("push").replyTo.tell({ type: "push_applied", version: 1, staleness: 0 });
    pull().drop(true);
    last("pull").receive(new Float32Array(keys), 1);
    last("pull").replyTo.tell({ type: "values", version: 1 });
    clock.advance(10_000);
    expect([answers, staging.idle, copies.idle, clock.pending]).toEqual([[], true, true, 0]);
  });

  test("lends initial values until the shard has answered", () => {
    const { receive, last, answers, staging } = desk();
    receive({ type: "initialize", shard: 3 }, 5);
    expect([...last("initialize").values]).toEqual([5, 5, 5, 5]);
    expect(staging.idle).toBe(false);
    last("initialize").replyTo.tell({ type: "initialized", version: 0 });
    expect(staging.idle).toBe(true);
    expect(answers[0]?.outcome).toEqual({ type: "initialize", reply: { type: "initialized", version: 0 } });
  });
});
