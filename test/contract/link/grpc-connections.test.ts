/** What becomes of gRPC links and servers when connections break, freeze, or were never there. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { systemClock } from "@shoal/actors";
import { createGrpcLinkFactory } from "@shoal/worker";
import { afterEach, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { identityOf, makeGrpcScene, type GrpcScene, type LinkSceneOptions } from "../../support/link-scene.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";

const within = { deadlineMs: 5000 };
const synchronous = { consistency: { mode: "synchronous" }, optimizer: { name: "sgd", learningRate: 1 } } as const;

describe("a gRPC link", () => {
  let scene: GrpcScene | undefined;
  let proxy: TcpProxy | undefined;

  const open = async (options: LinkSceneOptions): Promise<{ scene: GrpcScene; proxy: TcpProxy }> => {
    scene = await makeGrpcScene({
      ...options,
      detour: async (port) => {
        proxy = await startTcpProxy(port);
        return proxy.endpoint;
      },
    });
    if (proxy === undefined) throw new Error("the detour was taken");
    return { scene, proxy };
  };
  afterEach(async () => {
    await scene?.close();
    await proxy?.close();
    scene = proxy = undefined;
  });
  const pull = (link: ReturnType<GrpcScene["link"]>, clock = 0) =>
    link.pull({ shard: 0, clock, into: new Float32Array(2) }, within);

  test("fails what is under way with transport_lost when the line breaks, and connects again with the next call", async () => {
    const { scene: at, proxy: line } = await open({ sizes: [2], fill: 0, hosting: synchronous });
    const link = at.link();
    const waiting = pull(link, 3);
    await pull(link);
    line.cut();
    await expect(waiting).rejects.toMatchObject({ code: "transport_lost" });
    expect(await pull(link)).toEqual({ type: "values", version: 0 });
  });

  test("connects again to a server that was restarted", async () => {
    const { scene: at } = await open({ sizes: [2], fill: 0 });
    const link = at.link();
    await pull(link);
    await at.server.close();
    await expect(pull(link)).rejects.toMatchObject({ code: "transport_lost" });
    await at.restart(Number(at.endpoint.split(":")[1]));
    expect(await pull(link)).toEqual({ type: "values", version: 0 });
  });

  test("notices a line that is dead without a word, and so does the server", async () => {
    const { scene: at, proxy: line } = await open({
      sizes: [2],
      fill: 0,
      hosting: synchronous,
      keepalive: { intervalMs: 100, timeoutMs: 100 },
    });
    const link = at.link();
    const waiting = pull(link, 3);
    await pull(link);
    line.freeze();
    await expect(waiting).rejects.toMatchObject({ code: "transport_lost" });
    await eventually("the server has dropped the line too", () => line.farConnections === 0);
  });

  test("shares one connection with the other links to the same server, up to 16", async () => {
    const { scene: at, proxy: line } = await open({ sizes: [2], fill: 0 });
    const links = Array.from({ length: 15 }, (_, index) => at.link(1 + (index % 2)));
    await Promise.all(links.map((link) => pull(link)));
    expect(line.accepted).toBe(1);
    await pull(at.link());
    expect(line.accepted).toBe(2);
  });

  test("closes its connection when it is closed, and leaves that of the others", async () => {
    const { scene: at, proxy: line } = await open({ sizes: [2], fill: 0 });
    const [one, two] = [at.link(1), at.link(2)];
    await Promise.all([pull(one), pull(two)]);
    await one.close();
    expect(await pull(two)).toEqual({ type: "values", version: 0 });
    await two.close();
    // The scene's own link, which initialised the shard.
    expect(line.connections).toBe(1);
    await at.close();
    await eventually("no connection is left", () => line.connections === 0);
  });

  test("leaves no handle behind, and neither does the server: the process ends by itself", async () => {
    const file = join(import.meta.dirname, "../../support/grpc-round.ts");
    const round = promisify(execFile)(process.execPath, ["--conditions=shoal-source", file], { timeout: 8000 });
    expect((await round).stdout).toBe("closed\n");
  });

  test("says where nobody listens", async () => {
    const link = createGrpcLinkFactory({ clock: systemClock }).connect("127.0.0.1:1", identityOf(1));
    await expect(pull(link)).rejects.toMatchObject({
      code: "transport_lost",
      message: expect.stringContaining("127.0.0.1:1") as string,
    });
    await link.close();
  });

  test("says when what listens is no parameter server", async () => {
    const web = createServer((_request, response) => response.end("hello"));
    web.listen(0, "127.0.0.1");
    await once(web, "listening");
    const endpoint = `127.0.0.1:${(web.address() as AddressInfo).port}`;
    const link = createGrpcLinkFactory({ clock: systemClock }).connect(endpoint, identityOf(1));
    await expect(pull(link)).rejects.toMatchObject({ code: "transport_lost" });
    await link.close();
    web.close();
  });

  test("refuses an endpoint that is none", async () => {
    const link = createGrpcLinkFactory({ clock: systemClock }).connect("nonsense: 7", identityOf(1));
    await expect(pull(link)).rejects.toMatchObject({ code: "invalid_argument" });
    await link.close();
  });

  test("is refused with a wrong token, and is told so", async () => {
    const { scene: at } = await open({ sizes: [2], fill: 0 });
    const link = createGrpcLinkFactory({ clock: systemClock, token: "guess" }).connect(at.endpoint, identityOf(1));
    await expect(pull(link)).rejects.toMatchObject({ code: "unauthenticated" });
    await link.close();
  });
});

describe("a parameter server", () => {
  test("names the port that is taken", async () => {
    const scene = await makeGrpcScene({ sizes: [2] });
    const port = Number(scene.endpoint.split(":")[1]);
    await expect(scene.restart(port)).rejects.toMatchObject({ code: "port_in_use", details: { port } });
    await scene.close();
    await scene.close();
  });
});
