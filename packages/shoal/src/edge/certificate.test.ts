import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCertificate } from "./certificate.ts";
import { startEdgeServer, type EdgeServer } from "./edge-server.ts";
import { createEdgeIdentity } from "./nats-identity.ts";
import { pageFileOf } from "./page-files.ts";

/** For edge.example and 127.0.0.1, signed by itself for a hundred years; made for this test. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBpDCCAUqgAwIBAgIUfcIwKs3OauLnDxnpfilcNhb4no8wCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMZWRnZS5leGFtcGxlMCAXDTI2MTEyMjAxMTczMFoYDzIxMjYx
MDI5MDExNzMwWjAXMRUwEwYDVQQDDAxlZGdlLmV4YW1wbGUwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAAQmGrBTFJKlpFu7uMuYIaLJDb5sdum+ZJqhpYiUuZTG1sZP
KmI74dXYlUE0nObqFf6eBbj/BR58/VsxTREpBRi/o3IwcDAdBgNVHQ4EFgQUJmwt
Dqpscg6nY6qy/T0Jx4S9/j8wHwYDVR0jBBgwFoAUJmwtDqpscg6nY6qy/T0Jx4S9
/j8wDwYDVR0TAQH/BAUwAwEB/zAdBgNVHREEFjAUggxlZGdlLmV4YW1wbGWHBH8A
AAEwCgYIKoZIzj0EAwIDSAAwRQIhAIyKHjOvJ7dT+lc3Rk5Atfbwx7fpAxBvhUvu
HwY/eVeGAiBjP0RBQ+FCuB0r4s/E8DKxWiMDe4pcO50K47ul2HzABw==
-----END CERTIFICATE-----
`;
const ownKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyuejChEpvXfxJBdP
MlIC47BezWSHjG/zsO/SZcm6OZOhRANCAAQmGrBTFJKlpFu7uMuYIaLJDb5sdum+
ZJqhpYiUuZTG1sZPKmI74dXYlUE0nObqFf6eBbj/BR58/VsxTREpBRi/
-----END PRIVATE KEY-----
`;
const otherKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxsanvrABIz08eMKM
tt5chWC+b0DQ8LmSjOIzJMkkhD2hRANCAATcF/jU0OWGCn696vbxLMkTs31quGik
nJZ5dL+tGx5J50zshGwgNd9VIgE7gQJrvefsgkyyMt3NR+B1pbi9xOjl
-----END PRIVATE KEY-----
`;

let folder: string;
const file = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "shoal-certificate-"));
  writeFileSync(file("own.pem"), certificate);
  writeFileSync(file("own.key"), ownKey);
  writeFileSync(file("other.key"), otherKey);
  writeFileSync(file("text"), "no certificate");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (cert: string, key: string, origins: readonly string[] = [], nowMs = Date.now()) =>
  readCertificate({ cert: file(cert), key: file(key) }, origins, nowMs);

describe("the certificate of shoal edge", () => {
  it("is told of where it is for another host, by name and by address", () => {
    const origins = ["https://edge.example:8443", "https://127.0.0.1", "https://other.example", "http://plain.example"];
    expect(read("own.pem", "own.key", origins).strangers).toEqual(["other.example"]);
  });

  it("is refused with a sentence where it cannot serve", () => {
    const cases = [
      [() => read("none", "own.key"), "cannot read the certificate: ENOENT"],
      [() => read("own.pem", "none"), "cannot read the private key: ENOENT"],
      [() => read("text", "own.key"), "expected PEM"],
      [() => read("own.pem", "text"), "expected PEM without a passphrase"],
      [() => read("own.pem", "other.key"), "is not the private key of"],
      [() => read("own.pem", "own.key", [], Date.UTC(2300, 0)), "has ended: it was good until"],
    ] as const;
    for (const [act, sentence] of cases) expect(act).toThrow(sentence);
  });
});

const secureEdge = (patienceMs?: number): Promise<EdgeServer> =>
  startEdgeServer({
    ...{ host: "127.0.0.1", port: 0, tls: read("own.pem", "own.key").tls, origins: [], cluster: "test", isOpen: true },
    ...{
      ticketKey: new Uint8Array(32),
      identity: createEdgeIdentity(0),
      door: () => "",
      perAddress: Infinity,
      isFixed: false,
      now: Date.now,
    },
    ...{ log: () => undefined, tasks: async () => ({ now: undefined, endOf: () => undefined }), patienceMs },
    files: new Map([["/", pageFileOf({ type: "text/html", content: Buffer.from("<p>page</p>"), isImmutable: false })]]),
  });

/** @returns what the page has */
function getSecurely(origin: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(origin, { ca: certificate, agent: false }, (response) => {
      response.setEncoding("utf8").on("data", resolve);
    }).on("error", reject);
  });
}

/** All that is said to who says this, one part after another, until the connection is closed. */
async function answerTo(origin: string, ...parts: readonly (string | Uint8Array)[]): Promise<string> {
  const { hostname, port } = new URL(origin);
  const socket = connect({ host: hostname, port: Number(port) });
  let heard = "";
  socket.setEncoding("latin1").on("data", (text: string) => (heard += text));
  socket.on("error", () => undefined);
  const closed = once(socket, "close");
  for (const part of parts) {
    await new Promise((resolve) => socket.write(part, resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  return heard;
}

/** A record of TLS with the beginning of a greeting, of which the rest does not come. */
const greeting = Uint8Array.of(22, 3, 1, 0, 50, 1, 0, 0, 46, 3, 3);

/** What comes is passed on a byte first, then the rest. */
async function passOnInPieces(port: number): Promise<Server> {
  const proxy = createServer((near) => {
    const far = connect(port, "127.0.0.1").setNoDelay(true);
    near.once("data", (hello: Buffer) => {
      near.pause();
      far.write(hello.subarray(0, 1));
      setTimeout(() => {
        far.write(hello.subarray(1));
        near.pipe(far);
      }, 20);
    });
    far.pipe(near);
    for (const side of [near, far]) side.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return proxy;
}

describe("shoal edge with a certificate", () => {
  it("serves the page over https, also to who sends its first record in pieces", async () => {
    const edge = await secureEdge();
    expect(edge.origin).toMatch(/^https:/);
    await expect(getSecurely(edge.origin)).resolves.toBe("<p>page</p>");
    const proxy = await passOnInPieces(Number(new URL(edge.origin).port));
    const { port } = proxy.address() as AddressInfo;
    await expect(getSecurely(`https://127.0.0.1:${port}`)).resolves.toBe("<p>page</p>");
    proxy.close();
    await edge.close();
  });

  it("says over plain http that it speaks https, and which address to open", async () => {
    const edge = await secureEdge();
    const plain = edge.origin.replace("https:", "http:");
    for (const asked of [fetch(plain), fetch(`${plain}/enrol`, { method: "POST", body: "x".repeat(2 ** 22) })]) {
      const response = await asked;
      expect(response.status).toBe(400);
      const sentence = `This port speaks https, and this request was plain http: open ${edge.origin}/\n`;
      await expect(response.text()).resolves.toBe(sentence);
    }
    const unnamed = "400 Bad Request[^]* open the same address with https:// instead of http://\n$";
    const host = (name: string): string => `GET / HTTP/1.1\r\nhost: ${name}\r\n\r\n`;
    for (const parts of [["G", "ET / HTTP/1.0\r\n\r\n"], [host("elsewhere.example")], [host("<b>")]]) {
      await expect(answerTo(edge.origin, ...parts)).resolves.toMatch(new RegExp(unnamed));
    }
    await edge.close();
  });

  it("outlives who speaks neither", async () => {
    const edge = await secureEdge();
    await expect(answerTo(edge.origin, Uint8Array.of(0, 255, 10))).resolves.toContain("speaks https");
    // An alert of TLS, if anything.
    await expect(answerTo(edge.origin, "\x16GET / HTTP/1.1\r\n\r\n")).resolves.not.toContain("HTTP");
    const { hostname, port } = new URL(edge.origin);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.write(greeting, () => socket.resetAndDestroy());
    await once(socket, "close");
    await expect(getSecurely(edge.origin)).resolves.toBe("<p>page</p>");
    await edge.close();
  });

  it("waits for nobody longer than its patience, and for nobody when it is closed", async () => {
    const [impatient, patient] = [await secureEdge(150), await secureEdge()];
    const spoken = [[], [greeting.subarray(0, 1)], [greeting]];
    const cutOff = spoken.map((parts) => answerTo(impatient.origin, ...parts));
    await expect(Promise.all(cutOff)).resolves.toEqual(["", "", ""]);
    const held = spoken.map((parts) => answerTo(patient.origin, ...parts));
    await getSecurely(patient.origin); // behind them
    await patient.close();
    await expect(Promise.all(held)).resolves.toEqual(["", "", ""]);
    await impatient.close();
  });
});
