import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { findNatsServer } from "./nats-process.ts";
import { startNatsServer } from "./nats-server.ts";

describe("nats-server", () => {
  it("is named with its remedy when it is missing", () => {
    expect(() => findNatsServer({ PATH: "", NATS_SERVER_BIN: "/nowhere/nats-server" })).toThrow(/NATS_SERVER_BIN/);
  });

  it("starts on a port of its choice and is gone after stop", async () => {
    const server = await startNatsServer({ token: "secret", environment: process.env, port: -1 });
    expect(server.url).toMatch(/^nats:\/\/127\.0\.0\.1:\d+$/);
    expect(server.leaf).toMatch(/^nats-leaf:\/\/127\.0\.0\.1:\d+$/);
    await server.stop();
    expect(() => process.kill(server.pid, 0)).toThrow();
  });

  it("says that its port is taken", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => blocker.once("listening", resolve));
    const { port } = blocker.address() as { port: number };
    await expect(startNatsServer({ token: "t", environment: process.env, port })).rejects.toMatchObject({
      code: "port_in_use",
    });
    blocker.close();
  });
});
