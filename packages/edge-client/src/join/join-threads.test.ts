import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { generateDigits, type Split } from "@shoal/models";
import { afterEach, describe, expect, it } from "vitest";
import { createMemoryStorage } from "../storage/client-storage.ts";
import type { JoinPlace, JoinThread } from "./join-place.ts";
import type { JoinedSession, JoinEvent, JoinOptions, JoinTask } from "./join-task.ts";
import { joinOnThreads } from "./join-threads.ts";
import { serveCompute } from "./serve-compute.ts";
import { serveNetwork } from "./serve-network.ts";

const data = generateDigits({ samples: 20, testSamples: 1 }).train;
/** Nobody answers there. */
const origin = "http://127.0.0.1:1";
const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

/** Both "threads" are this one, so that the test can end them. */
function place() {
  const deaths = new Map<string, (reason: string) => void>();
  const ended: string[] = [];
  const start = (name: "network" | "compute"): JoinThread => {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1, port2);
    if (name === "compute") serveCompute(port2);
    else serveNetwork(port2, async () => createMemoryStorage());
    for (const port of [port1, port2]) port.start();
    return {
      port: port1,
      onDeath: (tell) => void deaths.set(name, tell),
      terminate: () => void ended.push(name),
    };
  };
  const own: JoinPlace = {
    ...{ platform: "test", memoryBytes: 2 ** 24, start, watch: () => () => undefined },
    claim: async () => ({ storage: "here", release: () => void ended.push("claim") }),
  };
  return { own, ended, dies: (name: string, reason: string) => deaths.get(name)?.(reason) };
}

const refusals = {
  run_not_found: 404,
  no_capacity: 503,
  unauthenticated: 401,
};
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Refuses who wants to be let in: with one reason after the other, and then with the last one for ever. */
async function edgeThatRefuses(...codes: readonly (keyof typeof refusals)[]): Promise<string> {
  let asked = 0;
  const server = createServer((_request, response) => {
    const code = codes[Math.min(asked, codes.length - 1)] ?? "unauthenticated";
    asked += 1;
    response.writeHead(refusals[code]).end(JSON.stringify({ code, message: `because of ${code}` }));
  });
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const joinHere = (task: JoinTask, own: Split, options: JoinOptions = {}): Promise<JoinedSession> =>
  joinOnThreads(place().own, task, own, options);

describe("joining a task", () => {
  it("asks again while no task runs or no place is free, and ends when it is refused", async () => {
    const origin = await edgeThatRefuses("run_not_found", "no_capacity", "unauthenticated");
    const events: JoinEvent[] = [];
    const joining = joinHere({ origin }, data, { onEvent: (event) => void events.push(event) });
    await expect(joining).rejects.toMatchObject({ code: "unauthenticated" });
    expect(events.map((event) => "reason" in event && event.reason)).toEqual([
      "[run_not_found] because of run_not_found",
      "[no_capacity] because of no_capacity",
    ]);
  });

  it("refuses data that are not what they say, a place that is none, and a key that is none", async () => {
    const bad = { ...data, count: 21 };
    await Promise.all([
      expect(joinHere({ origin }, bad)).rejects.toThrow(
        "[invalid_argument] column input has 15680 numbers (784 a sample)",
      ),
      expect(joinHere({ origin: "edge.example" }, data)).rejects.toThrow("[invalid_argument] origin is edge.example"),
      expect(joinHere({ origin }, data, { key: "none" })).rejects.toThrow(
        "[invalid_argument] this is no key of a client",
      ),
    ]);
  });

  it("stops waiting when it is told to", async () => {
    const origin = await edgeThatRefuses("run_not_found");
    const stopping = new AbortController();
    const onEvent = ({ type }: JoinEvent): void => {
      if (type === "waiting") stopping.abort();
    };
    const joining = joinHere({ origin }, data, { onEvent, signal: stopping.signal });
    await expect(joining).rejects.toMatchObject({ code: "cancelled" });
    await expect(joinHere({ origin }, data, { signal: stopping.signal })).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("a client on two threads", () => {
  it.each(["network", "compute"])("ends, and gives back what it has claimed, when its %s thread dies", async (name) => {
    const { own, ended, dies } = place();
    const waits = Promise.withResolvers<void>();
    const joining = joinOnThreads(own, { origin }, data, { onEvent: () => waits.resolve() });
    await waits.promise;
    dies(name, "no memory");
    await expect(joining).rejects.toThrow(`[internal] the client's ${name} thread died: no memory`);
    expect(ended.toSorted()).toEqual(["claim", "compute", "network"]);
  });

  it("is refused before anybody is asked where its data cannot be sent to a thread", async () => {
    const { own, ended } = place();
    const odd = { ...data, describe: () => "digits" };
    await expect(joinOnThreads(own, { origin }, odd, {})).rejects.toThrow("could not be cloned");
    expect(ended.toSorted()).toEqual(["claim", "compute", "network"]);
  });
});
