import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCertificate } from "./certificate.ts";
import { startEdgeServer } from "./edge-server.ts";
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

  it("serves the page over https", async () => {
    const edge = await startEdgeServer({
      ...{
        host: "127.0.0.1",
        port: 0,
        tls: read("own.pem", "own.key").tls,
        origins: [],
        cluster: "test",
        isOpen: true,
      },
      ...{
        ticketKey: new Uint8Array(32),
        identity: createEdgeIdentity(0),
        door: () => "",
        isFixed: false,
        now: Date.now,
      },
      log: () => undefined,
      tasks: async () => ({ now: undefined, endOf: () => undefined }),
      files: new Map([
        ["/", pageFileOf({ type: "text/html", content: Buffer.from("<p>page</p>"), isImmutable: false })],
      ]),
    });
    const text = await new Promise<string>((resolve, reject) => {
      get(edge.origin, { ca: certificate, agent: false }, (response) => {
        response.setEncoding("utf8").on("data", resolve);
      }).on("error", reject);
    });
    await edge.close();
    expect(edge.origin).toMatch(/^https:/);
    expect(text).toBe("<p>page</p>");
  });
});
