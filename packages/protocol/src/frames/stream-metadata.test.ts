import fc from "fast-check";
import { expect, test } from "vitest";
import {
  methodOfPath,
  methodPath,
  readIdentity,
  readPeerIdentity,
  readToken,
  rpcMethods,
  writeStreamMetadata,
} from "./stream-metadata.ts";

const identity = { run: "mnist", worker: 3, incarnation: 2, name: "worker-3" };

test("who speaks and the token come back from the metadata", () => {
  const metadata = writeStreamMetadata(identity, "secret");
  expect(readIdentity((key) => metadata[key])).toEqual(identity);
  expect(readToken((key) => metadata[key])).toBe("secret");
});

test("a server's stream is told from a worker's", () => {
  const server = { run: "mnist", server: 2, incarnation: 1, name: "server-2" };
  const metadata = writeStreamMetadata(server, "secret");
  expect(readPeerIdentity((key) => metadata[key])).toEqual(server);
  expect(() => readIdentity((key) => metadata[key])).toThrow("metadata shoal-worker");
  const worker = writeStreamMetadata(identity, "secret");
  expect(() => readPeerIdentity((key) => worker[key])).toThrow("permission_denied");
  expect(() => readPeerIdentity((key) => ({ ...worker, ...metadata })[key])).toThrow("permission_denied");
});

test("no token is written where the cluster has none", () => {
  const metadata = writeStreamMetadata(identity, undefined);
  expect(readToken((key) => metadata[key])).toBeUndefined();
  expect(readToken(() => "basic secret")).toBeUndefined();
});

test("what is missing or no name or number is refused with the key's name", () => {
  const good = writeStreamMetadata(identity, undefined);
  const cases: [string, string | undefined][] = [
    ["shoal-run", undefined],
    ["shoal-run", "../etc"],
    ["shoal-node", ""],
    ["shoal-worker", "-1"],
    ["shoal-worker", "1e3"],
    ["shoal-incarnation", "4294967296"],
  ];
  for (const [key, value] of cases) {
    const read = (wanted: string): string | undefined => (wanted === key ? value : good[wanted]);
    expect(() => readIdentity(read)).toThrow(`metadata ${key}`);
  }
});

test("arbitrary metadata is read or refused with invalid_argument", () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      try {
        readIdentity(() => value);
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid_argument" });
      }
    }),
  );
});

test("a path names one of the five methods or none", () => {
  expect(methodPath("PushPull")).toBe("/shoal.v1.ParameterServer/PushPull");
  expect(rpcMethods.map((method) => methodOfPath(methodPath(method)))).toEqual(rpcMethods);
  expect(methodOfPath("/shoal.v1.ParameterServer/Delete")).toBeUndefined();
});
