/**
 * A slow line between workers and servers that are processes: two network namespaces joined by a pair of interfaces with
 * a token bucket each (`tc … tbf`), or, where the system does not allow that, a throttling proxy in front of the server.
 */
import { execFileSync } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { startTcpProxy } from "./tcp-proxy.ts";

export interface SlowLine extends AsyncDisposable {
  readonly kind: "namespaces" | "proxy";
  /** Options of `shoal server`. */
  readonly serverOptions: readonly string[];
  /** What runs a worker on its side of the line. */
  readonly through: readonly string[];
  /** URL at which the workers' side reaches a nats-server that listens on a port of loopback. */
  nats(port: number): Promise<string>;
  /** Bytes that have passed, towards the server and back; with namespaces those of all headers too. */
  passed(): { readonly up: number; readonly down: number };
}

const burstBytes = 128 * 1024;

/** @param kind default namespaces where they are allowed */
export async function openSlowLine(bytesPerSecond: number, kind?: SlowLine["kind"]): Promise<SlowLine> {
  if (kind === "proxy") return proxiedLine(bytesPerSecond);
  const fault = namespaceFault();
  if (fault === undefined) return namespaceLine(bytesPerSecond);
  if (kind === "namespaces") throw new Error(`network namespaces cannot be used: ${fault}`);
  return proxiedLine(bytesPerSecond);
}

/** Why this process cannot make namespaces with a throttled line between them; undefined when it can. */
export function namespaceFault(): string | undefined {
  const name = `shoal-try-${String(process.pid)}`;
  try {
    run("ip", "netns", "add", name);
  } catch (error) {
    return sentenceOf(error);
  }
  try {
    const near = `shlt${String(process.pid)}`;
    run("ip", "-n", name, "link", "add", near, "type", "veth", "peer", "name", `${near}b`);
    throttle(near, 1e6, name);
    return undefined;
  } catch (error) {
    return sentenceOf(error);
  } finally {
    run("ip", "netns", "del", name);
  }
}

async function namespaceLine(bytesPerSecond: number): Promise<SlowLine> {
  const { pid } = process;
  const name = `shoal-line-${String(pid)}`;
  const [here, there] = [`shl${String(pid)}a`, `shl${String(pid)}b`];
  // 198.18.0.0/15 is set aside for measurements (RFC 2544); a /30 of it for each process.
  const block = `198.${String(18 + ((pid >> 14) & 1))}.${String((pid >> 6) & 255)}`;
  const [hereIp, thereIp] = [1, 2].map((host) => `${block}.${String(4 * (pid & 63) + host)}`) as [string, string];
  const relays: AsyncDisposable[] = [];
  const close = async (): Promise<void> => {
    for (const relay of relays.splice(0)) await relay[Symbol.asyncDispose]();
    run("ip", "netns", "del", name); // its interface goes with it, and so does the other end
  };
  run("ip", "netns", "add", name);
  try {
    run("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", name);
    run("ip", "addr", "add", `${hereIp}/30`, "dev", here);
    run("ip", "-n", name, "addr", "add", `${thereIp}/30`, "dev", there);
    throttle(here, bytesPerSecond);
    throttle(there, bytesPerSecond, name);
    run("ip", "link", "set", here, "up");
    run("ip", "-n", name, "link", "set", there, "up");
    run("ip", "-n", name, "link", "set", "lo", "up");
  } catch (error) {
    await close();
    throw error;
  }
  return {
    kind: "namespaces",
    serverOptions: ["--listen", `${hereIp}:${String(await freePort(hereIp))}`],
    through: ["ip", "netns", "exec", name],
    async nats(port) {
      const relay = await startTcpProxy(port, { host: hereIp });
      relays.push({ [Symbol.asyncDispose]: () => relay.close() });
      return `nats://${relay.endpoint}`;
    },
    passed() {
      const [link] = JSON.parse(run("ip", "-j", "-s", "link", "show", "dev", here)) as [
        { stats64: { rx: { bytes: number }; tx: { bytes: number } } },
      ];
      return { up: link.stats64.rx.bytes, down: link.stats64.tx.bytes };
    },
    [Symbol.asyncDispose]: close,
  };
}

async function proxiedLine(bytesPerSecond: number): Promise<SlowLine> {
  const port = await freePort("127.0.0.1");
  const proxy = await startTcpProxy(port, { bytesPerSecond, burstBytes });
  return {
    kind: "proxy",
    serverOptions: ["--listen", `127.0.0.1:${String(port)}`, "--advertise", proxy.endpoint],
    through: [],
    nats: (natsPort) => Promise.resolve(`nats://127.0.0.1:${String(natsPort)}`),
    passed: () => ({ ...proxy.passed }),
    [Symbol.asyncDispose]: () => proxy.close(),
  };
}

/** Packets that do not fit wait for at most 100 ms; then TCP loses one and slows down. */
function throttle(device: string, bytesPerSecond: number, namespace?: string): void {
  const within = namespace === undefined ? [] : ["-n", namespace];
  const rate = `${String(Math.round(8 * bytesPerSecond))}bit`;
  const bucket = ["tbf", "rate", rate, "burst", String(burstBytes), "latency", "100ms"];
  run("tc", ...within, "qdisc", "add", "dev", device, "root", ...bucket);
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function sentenceOf(error: unknown): string {
  const { stderr = "", message = "" } = error as { stderr?: string; message?: string };
  return (stderr.trim() || message).split("\n")[0] ?? "";
}

async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
