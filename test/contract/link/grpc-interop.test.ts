/** Strangers on either side of the wire: plain @grpc/grpc-js with generated messages. */
import { create, type MessageShape } from "@bufbuild/protobuf";
import { Server, ServerCredentials, status, type ServerDuplexStream } from "@grpc/grpc-js";
import { systemClock } from "@shoal/actors";
import { ParameterResponseSchema, writeStreamMetadata, type ParameterRequestSchema } from "@shoal/protocol";
import { createGrpcLinkFactory } from "@shoal/worker";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { identityOf, makeGrpcScene, type GrpcScene } from "../../support/link-scene.ts";
import {
  bytesOf,
  createPlainClient,
  floatsOf,
  plainDefinition,
  type PlainClient,
  type PlainRequest,
} from "../../support/plain-grpc.ts";

const push = (request: number, sequence: number, ...values: number[]): PlainRequest => ({
  request,
  kind: { case: "push", value: { shard: 0, sequence, clock: sequence - 1, baseVersion: sequence - 1, samples: 1 } },
  payloadBytes: values.length * 4,
  payload: bytesOf(...values),
});

describe("a plain grpc-js client against our server", () => {
  let scene: GrpcScene;
  let client: PlainClient;
  let metadata: Record<string, string>;

  beforeEach(async () => {
    scene = await makeGrpcScene({ sizes: [3], fill: 1 });
    client = createPlainClient(scene.endpoint);
    metadata = writeStreamMetadata(identityOf(1), scene.token);
  });
  afterEach(async () => {
    client.close();
    await scene.close();
  });

  test("pushes over Push", async () => {
    const call = client.call("Push", metadata);
    call.send(push(1, 1, 1, 2, 3));
    expect(await call.next()).toMatchObject({
      request: 1,
      push: { outcome: { case: "applied", value: { version: 1, staleness: 0 } } },
    });
    call.send(push(2, 1, 1, 2, 3));
    expect(await call.next()).toMatchObject({
      request: 2,
      push: { outcome: { case: "duplicate", value: { version: 1 } } },
    });
    call.end();
    expect(await call.status).toMatchObject({ code: status.OK });
  });

  test("initialises over Push", async () => {
    const call = client.call("Push", metadata);
    call.send({
      request: 1,
      kind: { case: "initialize", value: { shard: 0 } },
      payloadBytes: 12,
      payload: bytesOf(7, 7, 7),
    });
    expect(await call.next()).toMatchObject({ initialize: { outcome: { case: "alreadyInitialized" } } });
    call.end();
    expect(await call.status).toMatchObject({ code: status.OK });
  });

  test("pulls over Pull", async () => {
    const call = client.call("Pull", metadata);
    call.send({ request: 9, kind: { case: "pull", value: { shard: 0, clock: 0 } } });
    const response = await call.next();
    expect(response).toMatchObject({ request: 9, pull: { version: 0 }, payloadBytes: 12 });
    expect(floatsOf(response.payload)).toEqual([1, 1, 1]);
    call.end();
    expect(await call.status).toMatchObject({ code: status.OK });
  });

  test("pushes and pulls over PushPull", async () => {
    const call = client.call("PushPull", metadata);
    const pushed = { shard: 0, sequence: 1, clock: 0, baseVersion: 0, samples: 1 };
    call.send({
      request: 4,
      kind: { case: "pushPull", value: { push: pushed, pullClock: 1 } },
      payloadBytes: 12,
      payload: bytesOf(1, 2, 3),
    });
    const response = await call.next();
    expect(response).toMatchObject({ request: 4, push: { outcome: { case: "applied" } }, pull: { version: 1 } });
    expect(floatsOf(response.payload)).toEqual([2, 3, 4]);
    call.end();
    expect(await call.status).toMatchObject({ code: status.OK });
  });

  test("mixes everything over Exchange, in as many frames as it likes", async () => {
    const call = client.call("Exchange", metadata);
    const whole = push(1, 1, 1, 2, 3);
    call.send({ ...whole, payload: bytesOf(1) });
    call.send({ request: 1, offset: 4, payload: bytesOf(2) });
    call.send({ request: 1, offset: 8, payload: bytesOf(3) });
    expect(await call.next()).toMatchObject({ push: { outcome: { case: "applied" } } });
    call.send({ request: 2, kind: { case: "pull", value: { shard: 0, clock: 1 } } });
    call.send({ request: 3, kind: { case: "pull", value: { shard: 5, clock: 1 } } });
    const answers = [await call.next(), await call.next()];
    const values = answers.find(({ request }) => request === 2);
    const error = answers.find(({ request }) => request === 3);
    expect(floatsOf(values?.payload ?? new Uint8Array(0))).toEqual([2, 3, 4]);
    expect(error?.error).toMatchObject({
      code: "unknown_shard",
      details: { shard: { value: { case: "number", value: 5 } } },
    });
    call.end();
    expect(await call.status).toMatchObject({ code: status.OK });
  });

  test("is told which kinds a method takes, and the stream goes on", async () => {
    const call = client.call("Pull", metadata);
    call.send(push(1, 1, 1, 2, 3));
    expect(await call.next()).toMatchObject({ error: { code: "invalid_argument" } });
    call.send({ request: 2, kind: { case: "pull", value: { shard: 0, clock: 0 } } });
    expect(await call.next()).toMatchObject({ request: 2, pull: { version: 0 } });
    call.cancel();
  });

  test.each([
    ["no token", (all: Record<string, string>) => ({ ...all, authorization: "" }), status.UNAUTHENTICATED],
    [
      "a wrong token",
      (all: Record<string, string>) => ({ ...all, authorization: "bearer guess" }),
      status.UNAUTHENTICATED,
    ],
    ["no run", ({ "shoal-run": _run, ...rest }: Record<string, string>) => rest, status.INVALID_ARGUMENT],
    [
      "a worker that is no number",
      (all: Record<string, string>) => ({ ...all, "shoal-worker": "x" }),
      status.INVALID_ARGUMENT,
    ],
  ])("is refused with %s", async (_what, change, code) => {
    const ended = await client.call("Exchange", change(metadata)).status;
    expect(ended).toMatchObject({ code });
    expect(String(ended.metadata.get("shoal-error")[0])).toContain(`"code"`);
  });

  test("is told that a method is unknown", async () => {
    expect(await client.call("Erase", metadata).status).toMatchObject({ code: status.UNIMPLEMENTED });
  });

  test("loses its stream, and nobody else anything, when it breaks the protocol", async () => {
    const good = client.call("Exchange", metadata);
    const bad = client.call("Exchange", metadata);
    bad.send({ request: 1, offset: 4, payload: bytesOf(1) });
    const ended = await bad.status;
    expect(ended).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(String(ended.metadata.get("shoal-error")[0])).toContain("codec_failed");
    good.send({ request: 1, kind: { case: "pull", value: { shard: 0, clock: 0 } } });
    expect(await good.next()).toMatchObject({ request: 1, pull: { version: 0 } });
    good.cancel();
  });
});

type PlainRequestMessage = MessageShape<typeof ParameterRequestSchema>;
type PlainResponseMessage = MessageShape<typeof ParameterResponseSchema>;
type PlainServerCall = ServerDuplexStream<PlainRequestMessage, PlainResponseMessage>;

/** A parameter server by somebody else: one vector, which pushes are added to. */
async function startStranger(): Promise<{ endpoint: string; stop: () => void; seen: PlainRequestMessage[] }> {
  const values = new Map<number, number[]>();
  const seen: PlainRequestMessage[] = [];
  const server = new Server();
  let version = 0;
  const whole = new Map<number, { head: PlainRequestMessage; bytes: Buffer }>();
  const add = (shard: number, bytes: Buffer): void => {
    const before = values.get(shard) ?? [];
    values.set(
      shard,
      floatsOf(bytes).map((value, key) => value + (before[key] ?? 0)),
    );
    version++;
  };
  const answer = (call: PlainServerCall, { head, bytes }: { head: PlainRequestMessage; bytes: Buffer }): void => {
    const { request, kind } = head;
    const reply = (message: Parameters<typeof create<typeof ParameterResponseSchema>>[1]): void =>
      void call.write(create(ParameterResponseSchema, { request, ...message }));
    const sendValues = (shard: number, outcome: object): void => {
      const payload = new Uint8Array(Float32Array.from(values.get(shard) ?? []).buffer);
      const half = Math.floor(payload.length / 8) * 4;
      reply({
        ...outcome,
        pull: { version },
        payloadBytes: payload.length,
        payload: payload.subarray(0, half || payload.length),
      });
      if (half > 0) reply({ offset: half, payload: payload.subarray(half) });
    };
    const applied = { outcome: { case: "applied", value: { version: version + 1, staleness: 0 } } } as const;
    if (kind.case === "push") {
      reply({ push: applied });
      add(kind.value.shard, bytes);
    } else if (kind.case === "pull") sendValues(kind.value.shard, {});
    else if (kind.case === "pushPull") {
      add(kind.value.push?.shard ?? 0, bytes);
      sendValues(kind.value.push?.shard ?? 0, { push: { outcome: { case: "applied", value: { version } } } });
    } else reply({ error: { code: "invented_later", message: "no such thing here" } });
  };
  server.addService(plainDefinition, {
    Exchange(call: PlainServerCall) {
      if (call.metadata.get("shoal-node")[0] === "worker-13") {
        call.emit("error", { code: status.PERMISSION_DENIED, details: "100 % no: Ünlucky" });
        return;
      }
      call.on("data", (message: PlainRequestMessage) => {
        seen.push(message);
        const known = whole.get(message.request) ?? { head: message, bytes: Buffer.alloc(0) };
        const bytes = Buffer.concat([known.bytes, message.payload]);
        whole.set(message.request, { head: known.head, bytes });
        if (bytes.length === known.head.payloadBytes) answer(call, { head: known.head, bytes });
      });
      call.on("end", () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { endpoint: `127.0.0.1:${port}`, stop: () => server.forceShutdown(), seen };
}

describe("our link against a plain grpc-js server", () => {
  const within = { deadlineMs: 5000 };
  const header = { shard: 0, sequence: 1, clock: 0, baseVersion: 0, batch: 5, samples: 3 };
  let stranger: Awaited<ReturnType<typeof startStranger>>;
  const connect = (worker = 1) =>
    createGrpcLinkFactory({ clock: systemClock }).connect(stranger.endpoint, identityOf(worker));

  beforeEach(async () => {
    stranger = await startStranger();
  });
  afterEach(() => stranger.stop());

  test("pushes, pulls, and does both in one", async () => {
    const link = connect();
    const gradient = Float32Array.from({ length: 300_001 }, (_, key) => key % 1000);
    expect(await link.push({ ...header, gradient }, within)).toEqual({
      type: "push_applied",
      version: 1,
      staleness: 0,
    });
    const into = new Float32Array(gradient.length);
    expect(await link.pull({ shard: 0, clock: 1, into }, within)).toEqual({ type: "values", version: 1 });
    expect(into).toEqual(gradient);
    await link.pushPull({ ...header, sequence: 2, gradient }, { shard: 0, clock: 1, into }, within);
    expect(into).toEqual(gradient.map((value) => 2 * value));
    await link.close();
  });

  test("sends what the schema says", async () => {
    const link = connect();
    await link.push({ ...header, gradient: Float32Array.of(1.5) }, { deadlineMs: 4000 });
    await link.close();
    expect(stranger.seen[0]).toMatchObject({ request: 1, kind: { case: "push", value: header }, payloadBytes: 4 });
    expect(stranger.seen[0]?.deadlineMs).toBeGreaterThan(3000);
    expect(floatsOf(stranger.seen[0]?.payload ?? new Uint8Array(0))).toEqual([1.5]);
  });

  test("reads a code that it does not know as internal, and a status as the code that fits", async () => {
    const link = connect();
    await expect(link.initialize({ shard: 0, values: new Float32Array(1) }, within)).rejects.toMatchObject({
      code: "internal",
      message: expect.stringContaining("no such thing here") as string,
    });
    await link.close();
    const unlucky = connect(13);
    await expect(unlucky.pull({ shard: 0, clock: 0, into: new Float32Array(1) }, within)).rejects.toMatchObject({
      code: "permission_denied",
      message: expect.stringContaining("100 % no: Ünlucky") as string,
    });
    await unlucky.close();
  });
});
