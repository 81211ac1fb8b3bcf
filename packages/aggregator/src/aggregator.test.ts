import { trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { createMemoryStore, createRandom, createSimulatedClock, simulate, type StateStore } from "@shoal/actors";
import { createInProcessPlane, type InProcessPlane, type RoundSummary } from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import {
  createPlayedClient,
  type PlayedClient,
  type PlayedClientOptions,
} from "../../../test/support/played-client.ts";
import { descriptionOf, float32, settingsFor, taskSize as size } from "../../../test/support/played-task.ts";
import { openAggregator, type Aggregator } from "./aggregator.ts";
import { newestRecordKey, taskKey, type TaskRecord } from "./keeper/task-record.ts";

const settings = settingsFor();

function createScene() {
  const clock = createSimulatedClock();
  const store = createMemoryStore();
  const plane = createInProcessPlane({ clock, delayMs: () => 1 });
  const kernels = createKernelSite("baseline");
  const closed: RoundSummary[] = [];
  const open = (own: StateStore = store): Promise<Aggregator> => {
    const codecs = createVectorCodecs(float32, { size }, kernels);
    const random = createRandom("aggregator");
    const onRound = (summary: RoundSummary): void => void closed.push(summary);
    return openAggregator({
      ...{ run: "r1", description: descriptionOf(settings), settings, plane: plane.aggregator },
      ...{ store: own, clock, random, codecs, onRound },
    });
  };
  return { clock, store, plane, open, closed };
}

function client(
  { plane, clock }: { readonly plane: InProcessPlane; readonly clock: PlayedClientOptions["clock"] },
  name: string,
  value: number,
  options: Partial<PlayedClientOptions> = {},
): PlayedClient {
  const target = new Float32Array(size).fill(value);
  return createPlayedClient({ name, task: "digits", plane: plane.connect(name), clock, target, ...options });
}

describe("an aggregator", () => {
  it("plays rounds until values are where clients want them", async () => {
    const scene = createScene();
    const work = async (): Promise<Float32Array> => {
      const aggregator = await scene.open();
      const clients = [1, 2, 3, 4].map((value) => client(scene, `c${value}`, 2.5));
      await Promise.all(clients.map((each) => each.start()));
      const values = new Float32Array(size);
      const gradient = new Float32Array(size);
      for (let step = 0; step < 8; step += 1) {
        await aggregator.aggregate({ step, version: step, parameters: values, gradient });
        values.forEach((value, key) => (values[key] = value - (gradient[key] ?? 0)));
      }
      await aggregator.evaluated(values, { accuracy: 0.5, loss: 1 });
      await aggregator.finish("all rounds are done");
      await aggregator.close();
      return values;
    };
    const values = await simulate(scene.clock, work());
    // Half of the way each time: 2.5·2^-8 is left, exactly.
    expect([...values]).toEqual(Array.from({ length: size }, () => 2.5 * (1 - 2 ** -8)));
    expect(scene.closed.map(({ outcome, contributions }) => [outcome, contributions])).toEqual(
      Array.from({ length: 8 }, () => ["committed", 3]),
    );
  });

  it("weighs by samples, and lets one bad update cost itself alone", async () => {
    const scene = createScene();
    const work = async () => {
      const aggregator = await scene.open();
      const bad = client(scene, "bad", 0, { bend: (update) => update.fill(Number.NaN), trainMs: 1 });
      const clients = [client(scene, "a", 2, { samples: 10 }), client(scene, "b", 8, { samples: 30 }), bad];
      await Promise.all([...clients, client(scene, "c", 2, { samples: 20 })].map((each) => each.start()));
      const gradient = new Float32Array(size);
      const done = await aggregator.aggregate({ step: 0, version: 0, parameters: new Float32Array(size), gradient });
      await aggregator.close();
      return { gradient, done, bad };
    };
    const { gradient, done, bad } = await simulate(scene.clock, work());
    expect(done).toMatchObject({ contributions: 3, samples: 60 });
    expect(gradient[0]).toBeCloseTo(-(10 * 1 + 30 * 4 + 20 * 1) / 60, 6);
    expect(bad.answers).toMatchObject([{ kind: "rejected", cause: "not_finite" }]);
  });

  it("takes up the round of the aggregator before it, and asks again for what was lost with that", async () => {
    const scene = createScene();
    const work = async () => {
      const first = await scene.open();
      const clients = [1, 2, 3, 4].map((value) => client(scene, `c${value}`, 2, { trainMs: 50 * value }));
      await Promise.all(clients.map((each) => each.start()));
      const parameters = new Float32Array(size);
      const gradient = new Float32Array(size);
      const lost = first.aggregate({ step: 0, version: 0, parameters, gradient }).catch((error: unknown) => error);
      await new Promise<void>((resolve) => scene.clock.after(120, resolve)); // two of four have contributed
      await first.close();
      const second = await scene.open();
      const done = await second.aggregate({ step: 0, version: 0, parameters, gradient });
      await second.close();
      return { done, gradient, lost: await lost, clients };
    };
    const { done, gradient, lost, clients } = await simulate(scene.clock, work());
    expect(lost).toMatchObject({ code: "cancelled" });
    expect(done).toMatchObject({ round: 1, contributions: 3 });
    expect(gradient[0]).toBe(-1);
    expect(clients.every(({ rounds }) => rounds.length === 1)).toBe(true);
  });

  it("stops when another one has taken over", async () => {
    const scene = createScene();
    const work = async () => {
      const first = await scene.open();
      const waiting = first
        .aggregate({ step: 0, version: 0, parameters: new Float32Array(size), gradient: new Float32Array(size) })
        .catch((error: unknown) => error);
      const second = await scene.open();
      await client(scene, "a", 1).start();
      await new Promise<void>((resolve) => scene.clock.after(3_000, resolve));
      await second.close();
      return waiting;
    };
    expect(await simulate(scene.clock, work())).toMatchObject({ code: "stale_term" });
  });

  it("offers a round to nobody before that is in the store, with the answer to a check-in neither", async () => {
    const scene = createScene();
    const { store, clock } = scene;
    const update: StateStore["update"] = async (...given) => {
      await new Promise<void>((resolve) => clock.after(50, resolve));
      return store.update(...given);
    };
    const work = async () => {
      const aggregator = await scene.open({ ...store, update });
      const step = { step: 0, version: 0, parameters: new Float32Array(size), gradient: new Float32Array(size) };
      const ended = aggregator.aggregate(step).catch(() => undefined);
      const device = { memoryBytes: 1e9, samples: 1, testSamples: 0, encodings: ["float32"], platform: "node" };
      const replies = [];
      for (const name of ["a", "b", "c", "d"]) {
        replies.push(await scene.plane.connect(name).request({ type: "check_in", device }, 1_000));
      }
      const found = await store.get(taskKey("r1"));
      await aggregator.close();
      await ended;
      return { round: (found?.value as TaskRecord | undefined)?.round, last: replies.at(-1) };
    };
    const { round, last } = await simulate(clock, work());
    expect(last).toMatchObject({ type: "checked_in", offer: { round: 1 } });
    expect(round).toMatchObject({ phase: "configuring", members: { length: 4 } });
  });

  it("traces each contribution from the draw to its place in the values", async () => {
    const exporter = new InMemorySpanExporter();
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
    const scene = createScene();
    const work = async (): Promise<void> => {
      const aggregator = await scene.open();
      const clients = ["a", "b", "c", "d"].map((name) => client(scene, name, 2));
      await Promise.all(clients.map((each) => each.start()));
      const values = new Float32Array(size);
      await aggregator.aggregate({ step: 0, version: 0, parameters: values, gradient: values.slice() });
      await aggregator.evaluated(values, { accuracy: 1, loss: 0 });
      await aggregator.close();
    };
    await simulate(scene.clock, work());
    trace.disable();
    const spans = exporter.getFinishedSpans();
    const roots = spans.filter(({ name }) => name === "contribution");
    const outcomes = roots.map(({ attributes }) => String(attributes["shoal.outcome"]));
    expect(outcomes.toSorted()).toEqual(["committed", "committed", "committed", "the round has what it needs"]);
    const [committed] = roots.filter(({ attributes }) => attributes["shoal.outcome"] === "committed");
    const own = spans.filter((span) => span.spanContext().traceId === committed?.spanContext().traceId);
    const names = own.map(({ name }) => name).toSorted();
    expect(names).toEqual(["admit", "aggregate", "contribution", "download", "publish", "select", "train", "upload"]);
  });

  it("begins no round, and writes no record, before there are clients for one", async () => {
    const scene = createScene();
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => void scene.clock.after(ms, resolve));
    const step = () => ({ step: 0, version: 0, parameters: new Float32Array(size), gradient: new Float32Array(size) });
    const work = async () => {
      const first = await scene.open();
      const lost = first.aggregate(step()).catch((error: unknown) => error);
      await client(scene, "a", 2).start();
      await sleep(3_600_000);
      const said = [first.describe()];
      await first.close();
      // Whoever takes over waits on, and is told of no round either.
      const second = await scene.open();
      const done = second.aggregate(step());
      await sleep(2_500);
      said.push(second.describe());
      const writes = (await scene.store.get(newestRecordKey("r1"))) === undefined;
      await Promise.all(["b", "c"].map((name) => client(scene, name, 2).start()));
      const { round, contributions } = await done;
      await second.close();
      return { said, isEmpty: writes && scene.closed.length === 0, lost: await lost, round, contributions };
    };
    const result = await simulate(scene.clock, work(), { forMs: 8_000_000 });
    const waits = "before round 1: 1 client is idle, 2 are needed, for";
    expect(result.said).toEqual([`${waits} 3600 s`, expect.stringMatching(new RegExp(`^${waits} [23] s$`))]);
    expect(result).toMatchObject({ isEmpty: true, lost: { code: "cancelled" }, round: 1, contributions: 3 });
  });

  it("ends at once while it waits for clients", async () => {
    const scene = createScene();
    const work = async () => {
      const aggregator = await scene.open();
      const waiting = aggregator
        .aggregate({ step: 0, version: 0, parameters: new Float32Array(size), gradient: new Float32Array(size) })
        .catch((error: unknown) => error);
      const begunAtMs = scene.clock.now();
      await aggregator.finish("nobody wants it any more");
      const error = await waiting;
      const tookMs = scene.clock.now() - begunAtMs;
      await aggregator.close();
      return { error, tookMs };
    };
    const outcome = await simulate(scene.clock, work());
    expect(outcome).toMatchObject({ error: { code: "cancelled" }, tookMs: 0 });
  });
});
