/** The gRPC link between servers: the contract, and what connections and strangers do to it. */
import { writeStreamMetadata } from "@shoal/protocol";
import { createGrpcReplicaLinkFactory } from "@shoal/worker";
import { systemClock } from "@shoal/actors";
import { afterEach, describe, expect, test } from "vitest";
import { createPlainClient, type PlainCall, type PlainRequest } from "../../support/plain-grpc.ts";
import {
  holderOf,
  makeGrpcReplicaScene,
  replicaRun,
  replicaToken,
  type GrpcReplicaScene,
  type ReplicaSceneOptions,
} from "../../support/replica-scene.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { describeReplicaLink, entryOf, partOf } from "./replica-link.contract.ts";

describeReplicaLink("gRPC", makeGrpcReplicaScene);
describeReplicaLink("gRPC (server on grpc-js)", (options) =>
  makeGrpcReplicaScene({ ...options, engines: { server: "grpc-js" } }),
);
describeReplicaLink("gRPC (client on grpc-js)", (options) =>
  makeGrpcReplicaScene({ ...options, engines: { client: "grpc-js" } }),
);

const within = { deadlineMs: 10_000 };

describe("a gRPC link between servers", () => {
  let scene: GrpcReplicaScene | undefined;
  let line: TcpProxy | undefined;
  const closing: (() => void)[] = [];

  const open = async (options: ReplicaSceneOptions): Promise<{ at: GrpcReplicaScene; line: TcpProxy }> => {
    scene = await makeGrpcReplicaScene({
      ...options,
      detour: async (port) => (line = await startTcpProxy(port)).endpoint,
    });
    if (line === undefined) throw new Error("the detour was taken");
    return { at: scene, line };
  };
  afterEach(async () => {
    for (const close of closing.splice(0)) close();
    await scene?.close();
    await line?.close();
    scene = line = undefined;
  });
  const stranger = (at: GrpcReplicaScene, method: string, metadata: Record<string, string>): PlainCall => {
    const client = createPlainClient(at.endpoint);
    closing.push(() => client.close());
    return client.call(method, metadata);
  };
  const peer = writeStreamMetadata({ run: replicaRun, server: 1, incarnation: 1, name: "server-1" }, replicaToken);
  const worker = writeStreamMetadata({ run: replicaRun, worker: 1, incarnation: 1, name: "worker-1" }, replicaToken);
  const codeOf = async (call: PlainCall, request: PlainRequest): Promise<string | undefined> => {
    call.send({ request: 1, deadlineMs: 5_000, ...request });
    return (await call.next()).error?.code;
  };
  const head = { shard: 0, term: 3, index: 1, version: 1, weight: 1, madeIn: 3 };

  test("fails what is under way with transport_lost when the line breaks, and connects again with the next call", async () => {
    const silent = { now: true };
    const { at, line: wire } = await open({
      sizes: [1],
      follow: ({ index }) => (silent.now ? undefined : { type: "replicated", index }),
    });
    const link = at.link();
    const under = link.replicate(entryOf(1, at.floats(1)), within);
    await link.install(partOf(new Uint8Array(4)), within);
    wire.cut();
    await expect(under).rejects.toMatchObject({ code: "transport_lost" });
    silent.now = false;
    expect(await link.replicate(entryOf(1, at.floats(1)), within)).toEqual({ type: "replicated", index: 1 });
  });

  test("ends calls at their deadline over a line that is dead without a word", async () => {
    const { at, line: wire } = await open({ sizes: [1] });
    const link = at.link();
    await link.replicate(entryOf(1, at.floats(1)), within);
    wire.freeze();
    await expect(link.replicate(entryOf(2, at.floats(1)), { deadlineMs: 200 })).rejects.toMatchObject({
      code: "deadline_exceeded",
    });
  });

  test("notices by its keepalive that the line is dead", async () => {
    const { at, line: wire } = await open({ sizes: [1], keepalive: { intervalMs: 50, timeoutMs: 100 } });
    const link = at.link();
    await link.replicate(entryOf(1, at.floats(1)), within);
    wire.freeze();
    const startedAt = performance.now();
    await expect(link.replicate(entryOf(2, at.floats(1)), within)).rejects.toMatchObject({ code: "transport_lost" });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test("brings entries whole and in order over a slow line", async () => {
    const keys = 50_000;
    const { at, line: wire } = await open({ sizes: [keys] });
    wire.slow(2_000);
    const vector = at.floats(keys, 3);
    const link = at.link();
    await Promise.all([1, 2, 3].map((index) => link.replicate(entryOf(index, vector), within)));
    expect(at.entries.map(({ index, values }) => [index, values.every((value) => value === 3)])).toEqual([
      [1, true],
      [2, true],
      [3, true],
    ]);
  });

  test("brings an entry whole or not at all when its vector is overwritten after it was given up", async () => {
    const keys = 400_000;
    const { at, line: wire } = await open({ sizes: [keys] });
    const link = at.link();
    const vector = at.floats(keys, 1);
    wire.slow(20_000);
    await expect(link.replicate(entryOf(1, vector), { deadlineMs: 30 })).rejects.toMatchObject({
      code: "deadline_exceeded",
    });
    vector.fill(2);
    wire.slow(Number.POSITIVE_INFINITY);
    await link.replicate(entryOf(1, vector), within);
    for (const { values } of at.entries) expect(values.every((value) => value === values[0])).toBe(true);
  });

  test("is refused with a wrong token, and is told so", async () => {
    const { at } = await open({ sizes: [1] });
    const factory = createGrpcReplicaLinkFactory({ clock: systemClock, token: "guess" });
    const link = factory.connect(holderOf(2, at.endpoint), replicaRun, holderOf(1));
    await expect(link.replicate(entryOf(1, at.floats(1)), within)).rejects.toMatchObject({ code: "unauthenticated" });
    await link.close();
  });

  test("takes entries and states from servers only, and from servers nothing else", async () => {
    const { at } = await open({ sizes: [1] });
    const entry: PlainRequest = { kind: { case: "replicate", value: { ...head, kind: "update" } } };
    const state: PlainRequest = { kind: { case: "install", value: { shard: 0, term: 3 } } };
    const push: PlainRequest = { kind: { case: "push", value: { shard: 0 } } };
    expect(await codeOf(stranger(at, "Exchange", worker), entry)).toBe("invalid_argument");
    expect(await codeOf(stranger(at, "Exchange", worker), state)).toBe("invalid_argument");
    expect(await codeOf(stranger(at, "Replicate", peer), push)).toBe("invalid_argument");
    // PERMISSION_DENIED and INVALID_ARGUMENT: such a stream does not come to be.
    expect((await stranger(at, "Replicate", worker).status).code).toBe(7);
    expect((await stranger(at, "Exchange", peer).status).code).toBe(3);
    expect(at.entries).toEqual([]);
  });

  test("refuses vectors and parts of a wrong length, and goes on", async () => {
    const { at } = await open({ sizes: [2] });
    const call = stranger(at, "Replicate", peer);
    const update = { case: "replicate", value: { ...head, kind: "update" } } as const;
    const first = { case: "replicate", value: { ...head, kind: "initialize" } } as const;
    const part = (totalBytes: bigint) => ({ case: "install", value: { shard: 0, term: 3, totalBytes } }) as const;
    const bytes = (count: number) => ({ payloadBytes: count, payload: new Uint8Array(count) });
    expect(await codeOf(call, { kind: update, ...bytes(4) })).toBe("layout_mismatch");
    expect(await codeOf(call, { request: 2, kind: first, ...bytes(0) })).toBe("layout_mismatch");
    expect(await codeOf(call, { request: 3, kind: part(3n), ...bytes(4) })).toBe("layout_mismatch");
    const long = 4 * 2 ** 20 + 4;
    const announced = { payloadBytes: long, payload: new Uint8Array(1000) };
    expect(await codeOf(call, { request: 4, kind: part(BigInt(long)), ...announced })).toBe("layout_mismatch");
    call.cancel();
    const after = stranger(at, "Replicate", peer);
    expect(await codeOf(after, { kind: update, ...bytes(8) })).toBeUndefined();
  });

  test("ends the stream of bytes that are no entry, and nobody else's", async () => {
    const { at } = await open({ sizes: [1] });
    const link = at.link();
    await link.replicate(entryOf(1, at.floats(1)), within);
    const call = stranger(at, "Replicate", peer);
    call.send({ request: 1, kind: { case: "replicate", value: { ...head, kind: "guess" } } });
    expect((await call.status).code).toBe(3);
    expect(await link.replicate(entryOf(2, at.floats(1)), within)).toEqual({ type: "replicated", index: 2 });
  });
});
