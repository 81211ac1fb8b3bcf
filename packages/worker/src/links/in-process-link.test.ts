import { createSimulatedClock, runSimulation, simulate, type Ref, type SimulatedClock } from "@shoal/actors";
import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import type { ParameterLink, PushRequest, ShardCommand } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createInProcessLinkFactory } from "./in-process-link.ts";

const memory = createKernelMemory();
const kernels = instantiateKernels(await loadKernelModules(), memory);

/** A link to one shard whose behaviour the test writes. */
function linkTo(clock: SimulatedClock, shard: (command: ShardCommand) => void): ParameterLink {
  const ref: Ref<ShardCommand> = { address: "server-1/r-shard-0", tell: shard };
  const directory = { find: (run: string, index: number) => (run === "r" && index === 0 ? ref : undefined) };
  const factory = createInProcessLinkFactory({
    directoryOf: (endpoint) => (endpoint === "server-1" ? directory : undefined),
    memory,
    kernels,
    clock,
  });
  return factory.connect("server-1", { run: "r", worker: 1, incarnation: 1, name: "worker-1" });
}

function pushOf(gradient: Float32Array): PushRequest {
  return { shard: 0, sequence: 1, clock: 3, baseVersion: 3, batch: 3, samples: 8, gradient };
}

function floats(...values: number[]): Float32Array {
  const view = memory.floats(memory.allocate(values.length * 4).byteOffset, values.length);
  view.set(values);
  return view;
}

describe("an in-process link", () => {
  it("shows the shard the gradient where it lies in kernel memory", async () => {
    const gradient = floats(1, 2, 3);
    let seen: Float32Array | undefined;
    const link = linkTo(createSimulatedClock(), (command) => {
      if (command.type !== "push") return;
      seen = command.push.gradient;
      command.release();
      command.replyTo.tell({ type: "push_applied", version: 4, staleness: 1 });
    });
    const reply = await link.push(pushOf(gradient), { deadlineMs: 100 });
    expect(reply).toEqual({ type: "push_applied", version: 4, staleness: 1 });
    expect(seen).toBe(gradient);
  });

  it("copies a foreign gradient into kernel memory and frees the copy when the shard lets go of it", async () => {
    const before = memory.allocatedBytes;
    const link = linkTo(createSimulatedClock(), (command) => {
      if (command.type !== "push") return;
      expect(memory.offsetOf(command.push.gradient)).toBeDefined();
      expect([...command.push.gradient]).toEqual([7, 8]);
      command.release();
      expect(memory.allocatedBytes).toBe(before);
      command.replyTo.tell({ type: "push_applied", version: 1, staleness: 0 });
    });
    await link.push(pushOf(Float32Array.of(7, 8)), { deadlineMs: 100 });
    expect(memory.allocatedBytes).toBe(before);
  });

  it("copies pulled values where the caller wants them, in kernel memory or not", async () => {
    const values = floats(1.5, -2, 3);
    const link = linkTo(createSimulatedClock(), (command) => {
      if (command.type !== "pull") return;
      command.receive(values, 9);
      command.replyTo.tell({ type: "values", version: 9 });
    });
    for (const into of [floats(0, 0, 0), new Float32Array(3)]) {
      expect(await link.pull({ shard: 0, clock: 9, into }, { deadlineMs: 100 })).toEqual({
        type: "values",
        version: 9,
      });
      expect([...into]).toEqual([1.5, -2, 3]);
    }
    await expect(
      link.pull({ shard: 0, clock: 9, into: new Float32Array(2) }, { deadlineMs: 100 }),
    ).rejects.toMatchObject({ code: "layout_mismatch" });
  });

  it("fails with the shard's own error, which names whom it waits for", async () => {
    const clock = createSimulatedClock();
    const link = linkTo(clock, (command) => {
      if (command.type !== "pull") return;
      const error = {
        code: "deadline_exceeded",
        message: "[deadline_exceeded] waits for worker-2",
        details: {},
      } as const;
      clock.after(command.deadlineMs, () => command.replyTo.tell({ type: "refused", error }));
    });
    const pulled = link.pull({ shard: 0, clock: 9, into: floats(0) }, { deadlineMs: 100 });
    const failure = await simulate(
      clock,
      pulled.catch((error: unknown) => error),
    );
    expect(String(failure)).toMatch(/waits for worker-2/);
    expect(clock.now()).toBe(100);
  });

  it("gives up a silent shard shortly after the deadline and shows it an empty gradient if it still comes to the push", async () => {
    const clock = createSimulatedClock();
    const mailbox: ShardCommand[] = [];
    const link = linkTo(clock, (command) => void mailbox.push(command));
    const failure = await simulate(
      clock,
      link.push(pushOf(floats(1, 2)), { deadlineMs: 100 }).catch((error: unknown) => error),
    );
    expect(failure).toMatchObject({ code: "deadline_exceeded" });
    expect(String(failure)).toMatch(/push of clock 3 by worker-1 to shard 0 of run r/);
    expect(clock.now()).toBe(200);
    const [late] = mailbox;
    expect(late?.type === "push" && [late.deadlineMs, late.push.gradient.length]).toEqual([0, 0]);
  });

  it("counts the time in the mailbox as part of the deadline", async () => {
    const clock = createSimulatedClock();
    const mailbox: ShardCommand[] = [];
    const link = linkTo(clock, (command) => void mailbox.push(command));
    void link.pull({ shard: 0, clock: 9, into: floats(0) }, { deadlineMs: 100 }).catch(() => undefined);
    await runSimulation(clock, { forMs: 40 });
    expect(mailbox[0]?.type === "pull" && mailbox[0].deadlineMs).toBe(60);
  });

  it("sends push and pull of a fused exchange in this order and drops the pull with a refused push", async () => {
    const clock = createSimulatedClock();
    const types: string[] = [];
    const into = floats(0);
    const link = linkTo(clock, (command) => {
      types.push(command.type);
      if (command.type === "push") {
        command.release();
        const error = { code: "not_finite", message: "[not_finite] NaN", details: {} } as const;
        command.replyTo.tell({ type: "refused", error });
      }
      if (command.type === "pull") clock.after(50, () => command.receive(floats(5), 1));
    });
    const pull = { shard: 0, clock: 4, into };
    const fused = link.pushPull(pushOf(floats(1)), pull, { deadlineMs: 100 });
    await expect(fused).rejects.toMatchObject({ code: "not_finite" });
    clock.advance(60);
    expect(types).toEqual(["push", "pull"]);
    expect([...into]).toEqual([0]);
  });

  it("says which server or shard is not there", async () => {
    const link = linkTo(createSimulatedClock(), () => undefined);
    const missing = link.pull({ shard: 5, clock: 0, into: floats(0) }, { deadlineMs: 100 });
    await expect(missing).rejects.toMatchObject({ code: "unknown_shard" });
  });

  it("cancels calls when it is closed, and is closed when no shard reads a gradient any more", async () => {
    const clock = createSimulatedClock();
    let release = (): void => undefined;
    const link = linkTo(clock, (command) => {
      if (command.type !== "push") return;
      expect(command.push.gradient.length).toBe(1); // the shard has it in hand
      release = command.release;
    });
    const pushed = link.push(pushOf(floats(1)), { deadlineMs: 10_000 });
    const closed = link.close();
    await expect(pushed).rejects.toMatchObject({ code: "cancelled" });
    let isClosed = false;
    void closed.then(() => (isClosed = true));
    await runSimulation(clock, { forMs: 1000 });
    expect(isClosed).toBe(false);
    release();
    await closed;
    await expect(link.push(pushOf(floats(1)), { deadlineMs: 10 })).rejects.toMatchObject({ code: "cancelled" });
  });
});
