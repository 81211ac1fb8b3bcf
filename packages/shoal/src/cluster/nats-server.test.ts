import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { findNatsServer } from "./nats-process.ts";
import { startNatsServer } from "./nats-server.ts";

describe("nats-server", () => {
  it("is named with its remedy when it is missing", () => {
    expect(() => findNatsServer({ PATH: "", NATS_SERVER_BIN: "/nowhere/nats-server" })).toThrow(/NATS_SERVER_BIN/);
  });

  it("is doubted in one line when it ends at once", async () => {
    const environment = { NATS_SERVER_BIN: process.execPath };
    // To Node the configuration is a script, and a wrong one.
    await expect(startNatsServer({ token: "t", environment, port: -1 })).rejects.toMatchObject({
      code: "missing_tool",
      message: expect.stringMatching(/ended at once \([^\n]*\); is it a nats-server of 2\.9 or newer\?$/),
    });
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
