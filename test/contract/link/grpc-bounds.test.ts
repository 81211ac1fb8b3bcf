/** What the parameter service keeps within bounds: memory, requests, patience, and other people's streams. */
import { once } from "node:events";
import { connect, type ClientHttp2Stream, type IncomingHttpHeaders } from "node:http2";
import { isShoalError } from "@shoal/errors";
import { encodeRequestFrame, methodPath, writeStreamMetadata } from "@shoal/protocol";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { identityOf, makeGrpcScene, type GrpcScene, type LinkSceneOptions } from "../../support/link-scene.ts";
import { createPlainClient, type PlainCall } from "../../support/plain-grpc.ts";

const within = { deadlineMs: 20_000 };
const synchronous = { consistency: { mode: "synchronous" }, optimizer: { name: "sgd", learningRate: 1 } } as const;

const header = { shard: 0, sequence: 1, clock: 0, baseVersion: 0, batch: null, samples: 1 };

const codeOf = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "no error",
    (error: unknown) => (isShoalError(error) ? error.code : String(error)),
  );

function membersOf(count: number) {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const workers = numbers.map((member) => ({ member, incarnation: 1, name: `worker-${member}` }));
  return { revision: 1, workers, slotOwners: numbers };
}

describe("the parameter service", () => {
  let scene: GrpcScene | undefined;
  const closing: (() => void)[] = [];
  const open = async (options: LinkSceneOptions): Promise<GrpcScene> => (scene = await makeGrpcScene(options));
  /** A stranger's stream that says half a push and then nothing. */
  const sayHalfAPush = async (at: GrpcScene, worker: number, keys: number): Promise<PlainCall> => {
    const client = createPlainClient(at.endpoint);
    closing.push(() => client.close());
    await eventually("the shard's regions are given back", () => at.memory.allocatedBytes === at.restingBytes);
    const call = client.call("Exchange", writeStreamMetadata(identityOf(worker), at.token));
    const { batch: _batch, ...value } = header;
    call.send({
      request: 1,
      kind: { case: "push", value },
      payloadBytes: keys * 4,
      payload: new Uint8Array(keys * 2),
      deadlineMs: 20_000,
    });
    await eventually("the push has its region", () => at.memory.allocatedBytes > at.restingBytes);
    return call;
  };
  afterEach(async () => {
    for (const close of closing.splice(0)) close();
    await scene?.close();
    scene = undefined;
  });

  test("answers one request too many of a stream with mailbox_full, and serves the others", async () => {
    const at = await open({ sizes: [2], fill: 0, hosting: synchronous, bounds: { requestsInFlight: 4 } });
    const link = at.link();
    const pulls = Array.from({ length: 6 }, () =>
      codeOf(link.pull({ shard: 0, clock: 1, into: new Float32Array(2) }, within)),
    );
    expect(await Promise.all(pulls.slice(4))).toEqual(["mailbox_full", "mailbox_full"]);
    await Promise.all(
      [1, 2].map((worker) =>
        at.link(worker).push({ ...header, batch: worker - 1, gradient: new Float32Array(2) }, within),
      ),
    );
    expect(await Promise.all(pulls.slice(0, 4))).toEqual(["no error", "no error", "no error", "no error"]);
  });

  test("frees the region of a push whose worker has gone, and gives idle regions back", async () => {
    const keys = 1000;
    const at = await open({ sizes: [keys], fill: 0, bounds: { stagingSlots: 0, stagingBytes: 0, idleMs: 30 } });
    const call = await sayHalfAPush(at, 1, keys);
    const waiting = at.link(2).push({ ...header, gradient: new Float32Array(keys).fill(1) }, within);
    call.cancel();
    expect(await waiting).toMatchObject({ type: "push_applied", version: 1 });
    await eventually("nothing is held for a resting shard", () => at.memory.allocatedBytes === at.restingBytes);
  });

  test("names whom a push waited for when no region came free in time", async () => {
    const at = await open({ sizes: [1000], fill: 0, bounds: { stagingSlots: 0, stagingBytes: 0, idleMs: 30 } });
    await sayHalfAPush(at, 1, 1000);
    const late = at.link(2).push({ ...header, gradient: new Float32Array(1000) }, { deadlineMs: 500 });
    await expect(late).rejects.toMatchObject({
      code: "deadline_exceeded",
      message: expect.stringContaining("worker-2 waited for worker-1") as string,
    });
    // The stream that waited goes on.
    await expect(at.link(2).pull({ shard: 0, clock: 0, into: new Float32Array(1000) }, within)).resolves.toMatchObject({
      version: 0,
    });
  });

  test("finishes every step within its regions, though the contributions come in the wrong order", async () => {
    const [workers, keys, steps] = [6, 1_500_000, 2];
    const at = await open({
      sizes: [keys, keys],
      fill: 0,
      hosting: { ...synchronous, aggregation: "sum", slots: workers, members: membersOf(workers) },
      bounds: { stagingSlots: 1, stagingBytes: 0 },
    });
    const before = at.memory.allocatedBytes;
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, at.memory.allocatedBytes - before)), 1);
    const gradient = new Float32Array(keys).fill(1);
    const train = async (worker: number): Promise<void> => {
      const link = at.link(worker);
      for (let clock = 0; clock < steps; clock++) {
        const batch = clock * workers + worker - 1;
        const push = { ...header, sequence: clock + 1, clock, baseVersion: clock, batch, gradient };
        await Promise.all([0, 1].map((shard) => link.push({ ...push, shard }, within)));
      }
    };
    // The last slot begins: all but the first have to wait.
    const all = Array.from({ length: workers }, (_, index) => train(workers - index));
    await Promise.all(all);
    clearInterval(watch);
    const into = new Float32Array(keys);
    await at.link(1).pull({ shard: 1, clock: steps, into }, within);
    expect(into.every((value) => value === -steps * workers)).toBe(true);
    expect(peak).toBeLessThanOrEqual(2 * 2 * (keys * 4 + 64));
  });

  test("sends a push back that holds up an earlier slot of its own worker, which has taken that slot over", async () => {
    const keys = 300_000;
    const members = membersOf(2);
    const at = await open({
      sizes: [keys],
      fill: 0,
      hosting: { ...synchronous, aggregation: "sum", slots: 2, members: { ...members, slotOwners: [2, 2] } },
      bounds: { stagingSlots: 0, stagingBytes: 0 },
    });
    const link = at.link(2);
    const gradient = new Float32Array(keys).fill(1);
    // Slot 1 was its own, slot 0 came to it later: the payload of slot 0 stands behind that of slot 1.
    const own = link.push({ ...header, sequence: 1, batch: 1, gradient }, within);
    const takenOver = link.push({ ...header, sequence: 2, batch: 0, gradient }, within);
    expect(await codeOf(own)).toBe("mailbox_full");
    const again = link.push({ ...header, sequence: 1, batch: 1, gradient }, within);
    expect(await Promise.all([takenOver, again])).toMatchObject([{ type: "push_applied" }, { type: "push_applied" }]);
  });

  test("never shows a pull half an update, with fewer copies than pulls", async () => {
    const keys = 300_000;
    const at = await open({ sizes: [keys], fill: 0, bounds: { pullCopies: 1 } });
    const gradient = new Float32Array(keys).fill(1);
    const pushing = (async () => {
      const link = at.link(1);
      for (let sequence = 1; sequence <= 20; sequence++) await link.push({ ...header, sequence, gradient }, within);
    })();
    const pulls = Array.from({ length: 12 }, async (_, index) => {
      const link = at.link(1 + (index % 2));
      const into = new Float32Array(keys);
      for (let round = 0; round < 3; round++) {
        const { version } = await link.pull({ shard: 0, clock: 0, into }, within);
        expect([version, into.every((value) => value === version)]).toEqual([version, true]);
      }
    });
    await Promise.all([pushing, ...pulls]);
  });

  describe("on the bare wire", () => {
    const openStream = (
      at: GrpcScene,
      path = methodPath("Exchange"),
      type = "application/grpc",
      more = {},
    ): ClientHttp2Stream => {
      // A window smaller than the answer, which is never read.
      const session = connect(`http://${at.endpoint}`, { settings: { initialWindowSize: 1000 } });
      session.on("error", () => undefined);
      closing.push(() => session.destroy());
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": type,
        te: "trailers",
        ...more,
        ...writeStreamMetadata(identityOf(1), at.token),
      });
      stream.on("error", () => undefined);
      return stream;
    };
    const statusOf = async (stream: ClientHttp2Stream): Promise<string> => {
      const trailers = once(stream, "trailers") as Promise<[IncomingHttpHeaders]>;
      stream.resume();
      return String((await trailers)[0]["grpc-status"]);
    };

    test("ends a stream of arbitrary bytes with a status, and nothing else happens", async () => {
      const at = await open({ sizes: [2], fill: 0 });
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 3000 }), async (bytes) => {
          const stream = openStream(at);
          const status = statusOf(stream);
          stream.end(bytes);
          expect(["0", "3", "8"]).toContain(await status);
        }),
        { numRuns: 25 },
      );
      await expect(at.link(2).pull({ shard: 0, clock: 0, into: new Float32Array(2) }, within)).resolves.toMatchObject({
        version: 0,
      });
    });

    test("announcing more than a frame may have is payload_too_large before a byte of it has come", async () => {
      const at = await open({ sizes: [2], fill: 0 });
      const stream = openStream(at);
      stream.write(Uint8Array.of(0, 0x7f, 0xff, 0xff, 0xff));
      expect(await statusOf(stream)).toBe("8");
    });

    test("a call's own timeout ends it with deadline_exceeded", async () => {
      const at = await open({ sizes: [2], fill: 0, hosting: synchronous });
      const stream = openStream(at, methodPath("Exchange"), "application/grpc", { "grpc-timeout": "50m" });
      const kind = { type: "pull", shard: 0, clock: 9 } as const;
      stream.write(encodeRequestFrame({ type: "head", request: 1, kind, totalBytes: 0, deadlineMs: 10_000 }, 0));
      expect(await statusOf(stream)).toBe("4");
    });

    test("what is not gRPC is answered with an HTTP status", async () => {
      const at = await open({ sizes: [2], fill: 0 });
      const [headers] = (await once(openStream(at, "/", "text/html"), "response")) as [IncomingHttpHeaders];
      expect(headers[":status"]).toBe(415);
    });

    test("a worker that does not read its values loses its stream, and the copy is free again", async () => {
      const keys = 100_000;
      const at = await open({ sizes: [keys], fill: 0, bounds: { pullCopies: 1, sendMs: 50 } });
      const stream = openStream(at);
      const closed = once(stream, "close");
      const kind = { type: "pull", shard: 0, clock: 0 } as const;
      stream.write(encodeRequestFrame({ type: "head", request: 1, kind, totalBytes: 0, deadlineMs: 10_000 }, 0));
      await once(stream, "response");
      const link = at.link(2);
      await link.push({ ...header, gradient: new Float32Array(keys).fill(1) }, within);
      const into = new Float32Array(keys);
      await link.pull({ shard: 0, clock: 1, into }, within);
      expect(into.every((value) => value === 1)).toBe(true);
      await closed;
    });
  });
});
