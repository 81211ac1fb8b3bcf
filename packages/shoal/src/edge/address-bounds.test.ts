import { connect } from "node:net";
import { setTimeout } from "node:timers/promises";
import { nkeys } from "@nats-io/nats-core";
import { enrolmentPath } from "@shoal/edge-client";
import { describe, expect, it } from "vitest";
import { createAddressBounds, placeOf } from "./address-bounds.ts";
import { startEdgeServer, type EdgeServer } from "./edge-server.ts";
import { createEdgeIdentity } from "./nats-identity.ts";
import { writeTicket } from "./ticket.ts";

const [home, other] = ["203.0.113.7", "203.0.113.8"];

describe("what one address may have", () => {
  it("are so many clients at a time, whoever else comes from elsewhere", () => {
    const bounds = createAddressBounds(2);
    expect(bounds.named(home, "a", 1_000, 0)).toBe(true);
    expect(bounds.named(home, "b", 2_000, 0)).toBe(true);
    expect(bounds.named(home, "c", 2_000, 0)).toBe(false);
    expect(bounds.named(other, "c", 2_000, 0)).toBe(true);
    // Who is known asks again for a pass, and stays.
    expect(bounds.named(home, "b", 3_000, 900)).toBe(true);
    // The pass of a client has ended: its place is free.
    expect(bounds.named(home, "c", 3_000, 1_000)).toBe(true);
    expect(bounds.named(home, "a", 3_000, 1_000)).toBe(false);
  });

  it("are four connections for each of them, given back when they end", () => {
    const bounds = createAddressBounds(1);
    for (let i = 0; i < 4; i++) expect(bounds.connected(home)).toBe(true);
    expect(bounds.connected(home)).toBe(false);
    expect(bounds.connected(other)).toBe(true);
    bounds.disconnected(home);
    expect(bounds.connected(home)).toBe(true);
    expect(bounds.connected(home)).toBe(false);
  });

  it("is without end where addresses say nothing", () => {
    const bounds = createAddressBounds(Infinity);
    for (let i = 0; i < 5_000; i++) expect(bounds.connected(home) && bounds.named(home, `c-${i}`, 1, 0)).toBe(true);
  });

  it("is forgotten where more addresses come than are remembered, the oldest first", () => {
    const bounds = createAddressBounds(1);
    bounds.named("first", "a", 1_000, 0);
    for (let i = 0; i < 9_999; i++) bounds.named(`address-${i}`, "a", 1_000, 0);
    expect(bounds.named("first", "b", 1_000, 0)).toBe(false); // remembered, and heard of now
    bounds.named("one more", "a", 1_000, 0);
    expect(bounds.named("address-0", "b", 1_000, 0)).toBe(true);
    expect(bounds.named("first", "b", 1_000, 0)).toBe(false);
  });
});

describe("one place", () => {
  it.each([
    ["203.0.113.7", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:db8::1:2:3:4:5", "2001:db8:0:1::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ])("of %s is %s", (address, place) => {
    expect(placeOf(address)).toBe(place);
  });
});

describe("a stranger at shoal edge", () => {
  const [cluster, ticketKey] = ["test", new Uint8Array(32).fill(7)];
  const logged: string[] = [];
  const start = (): Promise<EdgeServer> =>
    startEdgeServer({
      ...{ host: "127.0.0.1", port: 0, tls: undefined, origins: [], cluster, isOpen: true, perAddress: 2, ticketKey },
      ...{ identity: createEdgeIdentity(Date.now()), door: () => "", files: new Map(), isFixed: false, now: Date.now },
      ...{ log: (sentence) => void logged.push(sentence) },
      tasks: async () => ({ now: "digits", endOf: () => undefined }),
    });

  it("has so many names from one address, and is told to come again with more", async () => {
    const server = await start();
    const [first, second, third] = Array.from({ length: 3 }, () => nkeys.createUser().getPublicKey());
    const comes = async (publicKey = "", ticket: string | null = null): Promise<object> => {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ ticket, publicKey, task: null });
      const response = await fetch(server.origin + enrolmentPath, { method: "POST", headers, body });
      return { status: response.status, ...((await response.json()) as object) };
    };
    expect(await comes(first)).toMatchObject({ status: 200 });
    expect(await comes(second)).toMatchObject({ status: 200 });
    expect(await comes(third)).toMatchObject({
      ...{ status: 429, code: "no_capacity" },
      message: expect.stringContaining("2 clients take part from this address already"),
    });
    expect(await comes(first)).toMatchObject({ status: 200 }); // who is known asks for another pass
    const expiresAt = Math.floor(Date.now() / 1_000) + 600;
    const named = writeTicket({ cluster, task: "digits", client: "ward-3", expiresAt }, ticketKey);
    expect(await comes(third, named)).toMatchObject({ client: "ward-3" });
    expect(logged).toEqual(["2 clients of 127.0.0.1 take part, and no other is let in; --per-address allows more"]);
    await server.close();
  });

  it("has four connections for each of these names, and no more", async () => {
    const server = await start();
    let closed = 0;
    for (let i = 0; i < 10; i++) {
      const socket = connect(Number(new URL(server.origin).port), "127.0.0.1").on("error", () => undefined);
      socket.on("close", () => (closed += 1)).write("GET /health HTTP/1.1\r\n"); // and says no more
    }
    await expect.poll(() => closed, { timeout: 10_000 }).toBe(2);
    await setTimeout(100);
    expect(closed).toBe(2);
    await server.close();
  });
});
