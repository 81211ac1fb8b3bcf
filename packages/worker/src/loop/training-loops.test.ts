import { createSimulatedClock, runSimulation, simulate, type SimulatedClock } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { createKernelMemory } from "@shoal/kernels-wasm";
import { createEpochPlan } from "@shoal/models";
import type { BatchesReply, PushReply, StoodIn } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import type { Contribution, PullTarget, PushPullOutcome } from "../client/contribution.ts";
import { noTraffic } from "../client/traffic.ts";
import { createAssignmentBoard } from "./assignment-board.ts";
import { runLeasedLoop } from "./leased-loop.ts";
import { createProgressReporter } from "./progress-reporter.ts";
import { runSynchronousLoop } from "./synchronous-loop.ts";
import { createTrainingBuffers } from "./training-buffers.ts";
import type { LoopPorts } from "./training-loop.ts";

const memory = createKernelMemory();

interface Script {
  readonly job: LoopPorts["job"];
  readonly slots: number;
  readonly own: readonly number[];
  /** Leases, in their order. */
  readonly leases?: readonly BatchesReply[];
  /** Settles when the shards answer a pull; after 10 ms by default. */
  readonly pullGate?: (clock: number) => Promise<void>;
  /** What the two shards answer to the first pushes; later ones are applied. */
  readonly secondShard?: readonly PushReply[];
  readonly firstShard?: readonly PushReply[];
}

/** A loop whose ports write down what is asked of them. Computing takes 20 ms, a push 10 ms, a pull 10 ms. */
function scene(script: Script) {
  const clock: SimulatedClock = createSimulatedClock();
  const log: string[] = [];
  const after = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const note = (what: string): void => void log.push(`${clock.now()} ${what}`);
  const abort = new AbortController();
  const buffers = createTrainingBuffers(memory, 4, 4);
  const parameterName = (offset: number): string => (buffers.parameters[0].offset === offset ? "A" : "B");
  const pull = async (target: PullTarget): Promise<readonly number[]> => {
    await (script.pullGate ?? (() => after(10)))(target.clock);
    note(`pulled ${target.clock}`);
    return [target.clock, target.clock];
  };
  const [firstShard, secondShard] = [[...(script.firstShard ?? [])], [...(script.secondShard ?? [])]];
  const push = async ({ batch, base }: Contribution): Promise<readonly PushReply[]> => {
    note(`push ${batch} from ${base.join()}`);
    await after(10);
    const applied = { type: "push_applied", version: (base[0] ?? 0) + 1, staleness: 0 } as const;
    return [firstShard.shift() ?? applied, secondShard.shift() ?? applied];
  };
  const leases = [...(script.leases ?? [])];
  const reported: number[] = [];
  const stoodIn: StoodIn[] = [];
  const coordinator: LoopPorts["coordinator"] = {
    requestBatches: () => Promise.resolve(leases.shift() ?? { type: "batches_exhausted", run: "r" }),
    reportProgress: async (_report, completed, figures) => {
      stoodIn.push(...(figures.stoodIn ?? []));
      reported.push(...completed.map(({ end }) => end));
      return Promise.resolve();
    },
    reportEvaluation: ({ step }) => {
      note(`evaluated ${step}`);
      return Promise.resolve({ type: "evaluation_recorded", run: "r", step, proceed: true, reason: "go on" });
    },
  };
  const board = createAssignmentBoard({ revision: 1, slots: script.own, initialize: false });
  const ports: LoopPorts = {
    job: script.job,
    plan: createEpochPlan({ samples: 24, batchSize: 4, slots: script.slots, epochs: 1 }),
    compute: {
      initialize: () => Promise.resolve(),
      async gradient({ begin, end, parameters }) {
        const startedAtMs = clock.now();
        note(`compute ${begin}-${end} from ${parameterName(parameters)}`);
        await after(20);
        return { startedAtMs, endedAtMs: clock.now(), samples: end - begin, loss: 1 };
      },
      evaluate: () => Promise.resolve({ accuracy: 0.5, loss: 1, metrics: {} }),
      close: () => Promise.resolve(),
    },
    client: {
      takeTraffic: () => noTraffic,
      captureErrors: () => ({ errors: [], unanswered: 0 }),
      dropErrors: () => undefined,
      passErrors: () => undefined,
      restoreErrors: () => undefined,
      unsentNorm: () => 0,
      initialize: () => Promise.resolve([]),
      pull,
      push,
      pushPull: () => Promise.reject(new Error("the loops stage their pushes")),
      stagedPush(contribution, target) {
        const { promise: outcome, resolve, reject } = Promise.withResolvers<PushPullOutcome>();
        const begin = async (): Promise<PushPullOutcome> => {
          const [pushed, pulled] = await Promise.all([push(contribution), target === undefined ? [] : pull(target)]);
          return { pushed, pulled };
        };
        return { begin: () => void begin().then(resolve, reject), abandon: reject, outcome };
      },
      placement: { term: 1, shards: [] },
      waits: () => [],
      updatePlacement: () => undefined,
      close: () => Promise.resolve(),
    },
    coordinator,
    reporter: createProgressReporter({ clock, conversation: coordinator, signal: abort.signal }),
    buffers,
    board,
    clock,
    signal: abort.signal,
  };
  return { clock, log, ports, board, abort, reported, stoodIn };
}

const job = { evaluation: { everySteps: null }, prefetch: true, overlap: true, staleness: {} } as const;
const synchronous = { ...job, consistency: { mode: "synchronous" } } as const;

describe("the synchronous loop", () => {
  it("computes each step from the values of its clock, in the two parameter buffers in turn", async () => {
    const { clock, log, ports } = scene({ job: synchronous, slots: 3, own: [1] });
    const end = await simulate(clock, runSynchronousLoop(ports));
    expect(end).toMatchObject({ kind: "finished" });
    expect(log.map((line) => line.replace(/^\d+ /, ""))).toEqual([
      "pulled 0",
      "compute 4-8 from A",
      "push 1 from 0,0",
      "pulled 1",
      "compute 16-20 from B",
      "push 4 from 1,1",
    ]);
  });

  it("computes the next slot while the contribution of the last is on its way", async () => {
    const { clock, log, ports } = scene({ job: synchronous, slots: 6, own: [0, 1] });
    await simulate(clock, runSynchronousLoop(ports));
    expect(log).toEqual([
      "10 pulled 0",
      "10 compute 0-4 from A",
      "30 push 0 from 0,0",
      "30 compute 4-8 from A",
      "50 push 1 from 0,0",
    ]);
  });

  it("ends with the values that it has when another step would cost more privacy than was promised", async () => {
    const { clock, log, ports } = scene({ job: synchronous, slots: 3, own: [0] });
    const spent = (): never => {
      throw new ShoalError("privacy_budget_spent", "round 2 would bring ε to 3.1", { epsilon: 3, wouldBe: 3.1 });
    };
    const told: unknown[] = [];
    const end = await simulate(
      clock,
      runSynchronousLoop({
        ...ports,
        compute: {
          ...ports.compute,
          gradient: (work) => (work.begin === 0 ? ports.compute.gradient(work) : Promise.resolve().then(spent)),
        },
        coordinator: {
          ...ports.coordinator,
          reportEvaluation: (measured) => {
            told.push(measured);
            const { step, ends = "" } = measured;
            return Promise.resolve({ type: "evaluation_recorded", run: "r", step, proceed: false, reason: ends });
          },
        },
      }),
    );
    expect(told).toMatchObject([
      { step: 1, version: 1, ends: "the privacy budget is spent: round 2 would bring ε to 3.1" },
    ]);
    expect(end).toMatchObject({
      kind: "stopped",
      reason: expect.stringContaining("privacy budget"),
      result: { loss: 1 },
    });
    expect(log.at(-1)).toMatch(/pulled 1$/);
  });

  it("computes a slot that it takes over in the middle of a step from the values of that step", async () => {
    const gate = Promise.withResolvers<void>();
    const pullGate = (clock: number): Promise<void> => (clock === 1 ? gate.promise : Promise.resolve());
    const { clock, log, ports, board } = scene({ job: synchronous, slots: 3, own: [0], pullGate });
    const running = runSynchronousLoop(ports);
    clock.after(500, () => board.update({ revision: 2, slots: [0, 2], initialize: false }));
    clock.after(700, () => gate.resolve());
    await simulate(clock, running);
    const [, ...lines] = log;
    expect(lines.slice(0, 5)).toEqual([
      "0 compute 0-4 from A",
      "20 push 0 from 0,0",
      "500 compute 8-12 from A",
      "520 push 2 from 0,0",
      "700 pulled 1",
    ]);
    expect(lines[5]).toBe("700 compute 12-16 from B");
  });

  it("steps in for the others when their contributions do not come", async () => {
    const gate = Promise.withResolvers<void>();
    const pullGate = (clock: number): Promise<void> => (clock === 1 ? gate.promise : Promise.resolve());
    // Slot 0 has come to one of the shards, slot 2 to both.
    const brought: PushReply = { type: "push_duplicate", version: 1, of: "batch" };
    const applied: PushReply = { type: "push_applied", version: 1, staleness: 0 };
    const shards = { firstShard: [applied, brought, brought], secondShard: [applied, applied, brought] };
    const { clock, log, ports, stoodIn } = scene({ job: synchronous, slots: 3, own: [1], pullGate, ...shards });
    const running = runSynchronousLoop(ports);
    clock.after(11_000, () => gate.resolve());
    await simulate(clock, running);
    expect(stoodIn).toEqual([{ slot: 0, step: 0 }]);
    expect(log.slice(1, 8)).toEqual([
      "0 compute 4-8 from A",
      "20 push 1 from 0,0",
      "10020 compute 0-4 from A",
      "10040 push 0 from 0,0",
      "10040 compute 8-12 from A",
      "10060 push 2 from 0,0",
      "11000 pulled 1",
    ]);
  });

  it("waits for slots when it has none, and goes on from the clock that the others have reached", async () => {
    const { clock, log, ports, board } = scene({ job: synchronous, slots: 3, own: [] });
    const running = runSynchronousLoop(ports);
    await runSimulation(clock, { forMs: 1000 });
    expect(log).toEqual([]);
    board.update({ revision: 2, slots: [2], initialize: false });
    await simulate(clock, running);
    expect(log[0]).toBe("1010 pulled 0");
  });

  it("measures before the step whose clock is due, if it owns slot 0", async () => {
    const everyStep = { ...synchronous, evaluation: { everySteps: 1 } };
    const owner = scene({ job: everyStep, slots: 3, own: [0] });
    await simulate(owner.clock, runSynchronousLoop(owner.ports));
    expect(owner.log.filter((line) => line.includes("evaluated"))).toEqual(["40 evaluated 1"]);
    const other = scene({ job: everyStep, slots: 3, own: [1] });
    await simulate(other.clock, runSynchronousLoop(other.ports));
    expect(other.log.filter((line) => line.includes("evaluated"))).toEqual([]);
  });

  it("ends with `cancelled` when it is stopped while it waits for slots", async () => {
    const { clock, ports, abort } = scene({ job: synchronous, slots: 3, own: [] });
    clock.after(100, () => abort.abort());
    await expect(simulate(clock, runSynchronousLoop(ports))).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("the leased loop", () => {
  const lease = (begin: number, end: number, evaluateFirst = false): BatchesReply => ({
    type: "batches_granted",
    run: "r",
    batches: { begin, end },
    evaluateFirst,
  });

  it("reads its own writes in bounded mode: one exchange after the other", async () => {
    const bounded = { ...job, consistency: { mode: "bounded", staleness: 2 } } as const;
    const { clock, log, ports, reported } = scene({ job: bounded, slots: 1, own: [], leases: [lease(0, 2)] });
    await simulate(clock, runLeasedLoop(ports));
    expect(log).toEqual([
      "10 pulled 0",
      "10 compute 0-4 from A",
      "30 push 0 from 0,0",
      "40 pulled 1",
      "40 compute 4-8 from B",
      "60 push 1 from 1,1",
    ]);
    expect(Math.max(...reported)).toBe(2);
  });

  it("computes a batch again that one shard found too stale, from values pulled afterwards", async () => {
    const asynchronous = {
      ...job,
      consistency: { mode: "asynchronous" },
      prefetch: false,
      staleness: { bound: 2 },
    } as const;
    const secondShard = [{ type: "push_rejected", reason: "too_stale", version: 9 }] as const;
    const leases = [lease(0, 2)];
    const { clock, log, ports, reported } = scene({ job: asynchronous, slots: 1, own: [], leases, secondShard });
    await simulate(clock, runLeasedLoop(ports));
    expect(log).toEqual([
      "10 pulled 0",
      "10 compute 0-4 from A",
      "30 push 0 from 0,0",
      "50 pulled 0",
      "50 compute 0-4 from A",
      "70 push 0 from 0,0",
      "90 pulled 1",
      "90 compute 4-8 from A",
      "110 push 1 from 1,1",
    ]);
    expect(Math.max(...reported)).toBe(2);
  });

  it("pulls and pushes while it computes in asynchronous mode with prefetching", async () => {
    const asynchronous = { ...job, consistency: { mode: "asynchronous" } } as const;
    const { clock, log, ports } = scene({ job: asynchronous, slots: 1, own: [], leases: [lease(0, 3)] });
    await simulate(clock, runLeasedLoop(ports));
    expect(log.filter((line) => line.includes("compute"))).toEqual([
      "10 compute 0-4 from A",
      "30 compute 4-8 from B",
      "50 compute 8-12 from A",
    ]);
    expect(log.filter((line) => line.includes("push"))).toEqual([
      "30 push 0 from 0,0",
      "50 push 1 from 0,0",
      "70 push 2 from 1,1",
    ]);
  });

  it("measures first when the lease says so, and asks again when batches are pending", async () => {
    const bounded = { ...job, consistency: { mode: "bounded", staleness: 2 } } as const;
    const leases: BatchesReply[] = [{ type: "batches_pending", run: "r", retryAfterMs: 70 }, lease(3, 4, true)];
    const { clock, log, ports } = scene({ job: bounded, slots: 1, own: [], leases });
    await simulate(clock, runLeasedLoop(ports));
    expect(log.slice(0, 2)).toEqual(["80 pulled 0", "80 evaluated 3"]);
  });
});
