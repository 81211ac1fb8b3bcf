/** What every ParameterLink does, whatever carries it: L1 to L4 of the interface, outcomes, errors, buffers. */
import { context, propagation, trace, TraceFlags, type SpanContext } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { isShoalError } from "@shoal/errors";
import type { ParameterLink, PushReply } from "@shoal/protocol";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { LinkScene, LinkSceneOptions, MakeLinkScene } from "../../support/link-scene.ts";

const within = { deadlineMs: 5000 };
const soon = { deadlineMs: 150 };

/** A gradient of `count` keys that no two positions share the value of. */
const ramp = (count: number, scale = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, key) => scale * ((key % 4093) + 1));

const pushOf = (shard: number, sequence: number, gradient: Float32Array, clock = sequence - 1) => ({
  shard,
  sequence,
  clock,
  baseVersion: clock,
  batch: null,
  samples: 1,
  gradient,
});

const pullAll = async (link: ParameterLink, shard: number, count: number, clock = 0): Promise<Float32Array> => {
  const into = new Float32Array(count);
  await link.pull({ shard, clock, into }, within);
  return into;
};

const codeOf = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "no error",
    (error: unknown) => (isShoalError(error) ? error.code : String(error)),
  );

export function describeParameterLink(name: string, makeScene: MakeLinkScene): void {
  describe(`the ${name} link`, () => {
    let scene: LinkScene | undefined;
    const open = async (options: LinkSceneOptions): Promise<LinkScene> => (scene = await makeScene(options));
    const synchronous = {
      hosting: { consistency: { mode: "synchronous" }, optimizer: { name: "sgd", learningRate: 1 } },
    } as const;

    beforeAll(() => {
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
      propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    });
    afterEach(async () => {
      await scene?.close();
      scene = undefined;
    });

    describe("outcomes", () => {
      test("brings who asks for the step before its values, where they are kept, and others the newest", async () => {
        const hosting = { ...synchronous.hosting, slots: 1, keepFormer: true };
        const { link } = await open({ sizes: [5], hosting });
        const [first, second] = [link(1), link(2)];
        await first.initialize({ shard: 0, values: ramp(5) }, within);
        await first.push({ ...pushOf(0, 1, ramp(5)), batch: 0 }, within);
        const into = new Float32Array(5);
        const former = await second.pull({ shard: 0, clock: 0, former: true, into }, within);
        expect([former, into]).toEqual([{ type: "values", version: 0 }, ramp(5)]);
        expect(await pullAll(second, 0, 5)).toEqual(new Float32Array(5));
        await first.push({ ...pushOf(0, 2, ramp(5)), batch: 1 }, within);
        const gone = await second.pull({ shard: 0, clock: 0, former: true, into }, within);
        expect([gone, into]).toEqual([{ type: "values", version: 2 }, ramp(5, -1)]);
      });

      test("initialises a shard once, and says so to whoever comes second", async () => {
        const { link } = await open({ sizes: [5] });
        const [first, second] = [link(1), link(2)];
        expect(await first.initialize({ shard: 0, values: ramp(5) }, within)).toEqual({
          type: "initialized",
          version: 0,
        });
        expect(await second.initialize({ shard: 0, values: ramp(5, 2) }, within)).toEqual({
          type: "already_initialized",
          version: 0,
        });
        expect(await pullAll(second, 0, 5)).toEqual(ramp(5));
      });

      test("applies a push and tells version and staleness", async () => {
        const { link } = await open({ sizes: [3], fill: 1 });
        const worker = link();
        await worker.push(pushOf(0, 1, Float32Array.of(1, 2, 3)), within);
        const late = { ...pushOf(0, 2, Float32Array.of(1, 2, 3)), baseVersion: 0 };
        expect(await worker.push(late, within)).toEqual({ type: "push_applied", version: 2, staleness: 1 });
        expect(await pullAll(worker, 0, 3, 2)).toEqual(Float32Array.of(3, 5, 7));
      });

      test("counts a repeated push once", async () => {
        const { link } = await open({ sizes: [2], fill: 0 });
        const worker = link();
        await worker.push(pushOf(0, 1, Float32Array.of(1, 1)), within);
        expect(await worker.push(pushOf(0, 1, Float32Array.of(1, 1)), within)).toEqual({
          type: "push_duplicate",
          version: 1,
        });
        expect(await pullAll(worker, 0, 2, 1)).toEqual(Float32Array.of(1, 1));
      });

      test("counts a batch once, whoever pushes it", async () => {
        const { link } = await open({ sizes: [2], fill: 0 });
        await link(1).push({ ...pushOf(0, 1, Float32Array.of(1, 1)), batch: 7 }, within);
        const second = { ...pushOf(0, 1, Float32Array.of(1, 1)), batch: 7 };
        expect(await link(2).push(second, within)).toMatchObject({ type: "push_duplicate", of: "batch" });
      });

      test("rejects a push whose step is over", async () => {
        const { link } = await open({ sizes: [2], fill: 0, ...synchronous });
        const [one, two] = [link(1), link(2)];
        const step = [one, two].map((worker, slot) =>
          worker.push({ ...pushOf(0, 1, Float32Array.of(1, 1)), batch: slot }, within),
        );
        await Promise.all(step);
        const stale = { ...pushOf(0, 2, Float32Array.of(1, 1), 0), batch: 0 };
        expect((await one.push(stale, within)).type).not.toBe("push_applied");
        const staleSlot = { ...pushOf(0, 3, Float32Array.of(1, 1), 0), batch: 2 };
        expect(await one.push(staleSlot, within)).toMatchObject({
          type: "push_rejected",
          reason: "stale_clock",
          version: 1,
        });
      });

      test("takes a contribution without samples, which has no gradient", async () => {
        const { link } = await open({ sizes: [2], fill: 4, ...synchronous });
        const empty = { ...pushOf(0, 1, new Float32Array(0)), batch: 0, samples: 0 };
        const full = { ...pushOf(0, 1, Float32Array.of(1, 2)), batch: 1 };
        const replies = await Promise.all([link(1).push(empty, within), link(2).push(full, within)]);
        expect(replies.map(({ version }) => version)).toEqual([1, 1]);
        expect((await pullAll(link(1), 0, 2, 1)).every((value) => value < 4)).toBe(true);
      });

      test("pushes and pulls in one exchange: the values hold the push", async () => {
        const { link } = await open({ sizes: [3], fill: 0 });
        const into = new Float32Array(3);
        const reply = await link().pushPull(
          pushOf(0, 1, Float32Array.of(1, 2, 3)),
          { shard: 0, clock: 1, into },
          within,
        );
        expect(reply).toEqual({
          push: { type: "push_applied", version: 1, staleness: 0 },
          pull: { type: "values", version: 1 },
        });
        expect(into).toEqual(Float32Array.of(1, 2, 3));
      });

      test("answers a push-pull of every worker with the values of the step they made together", async () => {
        const { link } = await open({
          sizes: [2],
          fill: 1,
          ...synchronous,
          hosting: { ...synchronous.hosting, aggregation: "mean" },
        });
        const exchange = async (worker: number): Promise<Float32Array> => {
          const into = new Float32Array(2);
          const push = { ...pushOf(0, 1, Float32Array.of(worker, 2 * worker)), batch: worker - 1 };
          await link(worker).pushPull(push, { shard: 0, clock: 1, into }, within);
          return into;
        };
        // 1 − mean(1, 2) and 1 − mean(2, 4), exact in float32.
        expect(await Promise.all([exchange(1), exchange(2)])).toEqual([
          Float32Array.of(-0.5, -2),
          Float32Array.of(-0.5, -2),
        ]);
      });
    });

    describe("buffers", () => {
      test("carries vectors of many frames whole, both ways, in kernel memory and out of it", async () => {
        const count = 1_200_007;
        const { link, floats } = await open({ sizes: [count], fill: 0 });
        const worker = link();
        const own = floats(count);
        own.set(ramp(count));
        await worker.push(pushOf(0, 1, own), within);
        await worker.push(pushOf(0, 2, ramp(count, 2)), within);
        const [inside, outside] = [floats(count), new Float32Array(count)];
        await worker.pull({ shard: 0, clock: 2, into: inside }, within);
        await worker.pull({ shard: 0, clock: 2, into: outside }, within);
        expect(Buffer.compare(Buffer.from(outside.buffer), Buffer.from(ramp(count, 3).buffer))).toBe(0);
        expect(inside.every((value, key) => value === outside[key])).toBe(true);
      });

      test("takes views that begin anywhere in a buffer, and leaves what surrounds them", async () => {
        const { link } = await open({ sizes: [40_003], fill: 0 });
        const worker = link();
        const gradient = new Float32Array(40_010).fill(9).subarray(3, 40_006);
        await worker.push(pushOf(0, 1, gradient), within);
        const around = new Float32Array(40_010).fill(-1);
        await worker.pull({ shard: 0, clock: 1, into: around.subarray(5, 40_008) }, within);
        expect([...around.subarray(0, 6), ...around.subarray(40_007)]).toEqual([-1, -1, -1, -1, -1, 9, 9, -1, -1]);
      });

      test("leaves the gradient as it was", async () => {
        const { link } = await open({ sizes: [100], fill: 0 });
        const gradient = ramp(100);
        await link().push(pushOf(0, 1, gradient), within);
        expect(gradient).toEqual(ramp(100));
      });

      test("does not write into the caller's memory after a pull was given up (L4)", async () => {
        const { link } = await open({ sizes: [4], fill: 3, ...synchronous });
        const [one, two] = [link(1), link(2)];
        const into = new Float32Array(4).fill(-1);
        expect(await codeOf(one.pull({ shard: 0, clock: 1, into }, soon))).toBe("deadline_exceeded");
        const step = [one, two].map((worker, slot) =>
          worker.push({ ...pushOf(0, 1, new Float32Array(4)), batch: slot }, within),
        );
        await Promise.all(step);
        await pullAll(one, 0, 4, 1);
        expect([...into]).toEqual([-1, -1, -1, -1]);
      });

      test("counts a push whole or not at all when its gradient is overwritten after it was given up (L3, L4)", async () => {
        const count = 600_000;
        const { link, floats } = await open({ sizes: [count], fill: 0, ...synchronous });
        const gradient = floats(count, 1);
        const one = link(1);
        expect(await codeOf(one.push({ ...pushOf(0, 1, gradient), batch: 0 }, { deadlineMs: 40 }))).toBe(
          "deadline_exceeded",
        );
        gradient.fill(1000);
        const again = floats(count, 1);
        const both = await Promise.all([
          one.push({ ...pushOf(0, 1, again), batch: 0 }, within),
          link(2).push({ ...pushOf(0, 1, again), batch: 1 }, within),
        ]);
        expect(both.map(({ version }) => version)).toEqual([1, 1]);
        const values = await pullAll(one, 0, count, 1);
        expect(values.every((value) => value === -2)).toBe(true);
      });
    });

    describe("order", () => {
      test("hands the requests to the shard in the order of the calls (L1)", async () => {
        const { link } = await open({ sizes: [2000], fill: 0 });
        const worker = link();
        const replies = await Promise.all(
          Array.from({ length: 20 }, (_, index) => worker.push(pushOf(0, index + 1, ramp(2000)), within)),
        );
        const versions = replies.map((reply: PushReply) => reply.version);
        expect(versions).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      });

      test("lets requests to several shards be under way at the same time", async () => {
        const sizes = [30_000, 10, 500_000, 1];
        const { link } = await open({ sizes, fill: 0 });
        const worker = link();
        const into = sizes.map((size) => new Float32Array(size));
        await Promise.all(
          sizes.map((size, shard) =>
            worker.pushPull(pushOf(shard, 1, ramp(size)), { shard, clock: 1, into: into[shard] ?? ramp(0) }, within),
          ),
        );
        expect(into).toEqual(sizes.map((size) => ramp(size)));
      });
    });

    describe("errors", () => {
      test("names a shard that is not there", async () => {
        const { link } = await open({ sizes: [2], fill: 0 });
        const worker = link();
        expect(await codeOf(worker.pull({ shard: 9, clock: 0, into: new Float32Array(2) }, within))).toBe(
          "unknown_shard",
        );
        expect(await codeOf(worker.push(pushOf(9, 1, ramp(500_000)), within))).toBe("unknown_shard");
        expect(await codeOf(link(1, { run: "run-2" }).push(pushOf(0, 1, ramp(2)), within))).toBe("unknown_shard");
        expect(await pullAll(worker, 0, 2)).toEqual(new Float32Array(2));
      });

      test("refuses vectors of another length than the shard's", async () => {
        const { link } = await open({ sizes: [4], fill: 0 });
        const worker = link();
        expect(await codeOf(worker.push(pushOf(0, 1, ramp(3)), within))).toBe("layout_mismatch");
        expect(await codeOf(worker.push(pushOf(0, 1, ramp(500_000)), within))).toBe("layout_mismatch");
        expect(await codeOf(worker.pull({ shard: 0, clock: 0, into: new Float32Array(5) }, within))).toBe(
          "layout_mismatch",
        );
        expect(await pullAll(worker, 0, 4)).toEqual(new Float32Array(4));
      });

      test("refuses a gradient that is not finite, and who sent it can go on", async () => {
        const { link } = await open({ sizes: [2], fill: 0 });
        const worker = link();
        expect(await codeOf(worker.push(pushOf(0, 1, Float32Array.of(1, Number.NaN)), within))).toBe("not_finite");
        expect(await pullAll(worker, 0, 2)).toEqual(new Float32Array(2));
      });

      test("refuses a worker that is no member", async () => {
        const { link } = await open({ sizes: [2], fill: 0 });
        expect(await codeOf(link(99).push(pushOf(0, 1, ramp(2)), within))).toBe("not_a_member");
      });

      test("ends a wait at its deadline and names whom the shard waited for (L2)", async () => {
        const { link } = await open({ sizes: [2], fill: 0, ...synchronous });
        const worker = link(1);
        const startedAt = performance.now();
        const pull = worker.pull({ shard: 0, clock: 1, into: new Float32Array(2) }, soon);
        await expect(pull).rejects.toMatchObject({
          code: "deadline_exceeded",
          message: expect.stringContaining("worker-2") as string,
        });
        const push = worker.push({ ...pushOf(0, 1, ramp(2)), batch: 0 }, soon);
        await expect(push).rejects.toMatchObject({
          code: "deadline_exceeded",
          message: expect.stringContaining("worker-2") as string,
        });
        expect(performance.now() - startedAt).toBeLessThan(2000);
      });

      test("lets a push that was given up be repeated with its sequence number (L3)", async () => {
        const { link } = await open({ sizes: [2], fill: 0, ...synchronous });
        const [one, two] = [link(1), link(2)];
        const push = { ...pushOf(0, 1, Float32Array.of(1, 1)), batch: 0 };
        expect(await codeOf(one.push(push, soon))).toBe("deadline_exceeded");
        const other = { ...pushOf(0, 1, Float32Array.of(3, 3)), batch: 1 };
        const replies = await Promise.all([one.push(push, within), two.push(other, within)]);
        expect(replies.map(({ version }) => version)).toEqual([1, 1]);
        expect(await pullAll(one, 0, 2, 1)).toEqual(Float32Array.of(-4, -4));
      });

      test("fails the push-pull whose push fails", async () => {
        const { link } = await open({ sizes: [2], fill: 0 });
        const pull = { shard: 0, clock: 1, into: new Float32Array(2) };
        expect(await codeOf(link().pushPull(pushOf(0, 1, Float32Array.of(Infinity, 0)), pull, within))).toBe(
          "not_finite",
        );
      });

      test("fails what is under way with `cancelled` when it is closed, and every later call", async () => {
        const { link } = await open({ sizes: [2], fill: 0, ...synchronous });
        const worker = link(1);
        const pending = codeOf(worker.pull({ shard: 0, clock: 5, into: new Float32Array(2) }, within));
        await worker.close();
        await worker.close();
        expect(await pending).toBe("cancelled");
        expect(await codeOf(worker.pull({ shard: 0, clock: 0, into: new Float32Array(2) }, within))).toBe("cancelled");
      });
    });

    test("brings the worker's trace to the shard", async () => {
      const { link, host } = await open({ sizes: [2], fill: 0 });
      const shard = host.find("run-1", 0);
      if (shard === undefined) throw new Error("the shard is there");
      const spanContext: SpanContext = {
        traceId: "a".repeat(32),
        spanId: "b".repeat(16),
        traceFlags: TraceFlags.SAMPLED,
      };
      const seen: (string | undefined)[] = [];
      const tell = shard.tell.bind(shard);
      // Listens in on the real shard: what it is told, and in which context.
      shard.tell = (command) => {
        seen.push(`${command.type} ${trace.getSpanContext(context.active())?.traceId ?? "none"}`);
        tell(command);
      };
      const into = new Float32Array(2);
      const worker = link();
      await context.with(trace.setSpanContext(context.active(), spanContext), () =>
        worker.pushPull(pushOf(0, 1, ramp(2)), { shard: 0, clock: 1, into }, within),
      );
      await worker.pull({ shard: 0, clock: 1, into }, within);
      expect(seen).toEqual([`push ${"a".repeat(32)}`, `pull ${"a".repeat(32)}`, "pull none"]);
    });
  });
}
