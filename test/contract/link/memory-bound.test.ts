/**
 * The bound that ARCHITECTURE.md states for a server's memory, measured on a process: 64 workers push 256 MiB each, at the
 * same time, to a server that can take a few at a time.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { systemClock } from "@shoal/actors";
import { defaultServiceBounds } from "@shoal/ps-server";
import { streamWindowBytes } from "@shoal/protocol";
import { createGrpcLinkFactory } from "@shoal/worker";
import { afterEach, expect, test } from "vitest";
import { identityOf } from "../../support/link-scene.ts";

const mebibyte = 2 ** 20;
const shardBytes = 256 * mebibyte;
const workers = 64;
/** A Node process with our code in it, before it has any vector. */
const baseBytes = 200 * mebibyte;

const { stagingSlots, pullCopies } = defaultServiceBounds;
const vectors = 1 /* values; plain sgd has no slots */ + (stagingSlots + 1) + pullCopies;
const boundBytes = vectors * shardBytes + workers * streamWindowBytes + baseBytes;

let child: ChildProcess | undefined;

afterEach(async () => {
  if (child === undefined) return;
  const exited = once(child, "exit");
  child.kill();
  await exited;
});

async function said<T>(from: ChildProcess): Promise<T> {
  const [message] = (await once(from, "message")) as [T];
  return message;
}

test("64 workers that push 256 MiB each leave the server below its stated bound, and every push is acknowledged", async () => {
  child = fork(join(import.meta.dirname, "../../support/push-target.ts"), [String(shardBytes / 4), String(workers)], {
    execArgv: ["--conditions=shoal-source"],
  });
  const { endpoint } = await said<{ endpoint: string }>(child);
  const factory = createGrpcLinkFactory({ clock: systemClock });
  const links = Array.from({ length: workers }, (_, index) => factory.connect(endpoint, identityOf(index + 1)));
  // One gradient for all: what this process holds is not the question.
  const gradient = new Float32Array(shardBytes / 4).fill(1);
  const patience = { deadlineMs: 150_000 };
  await links[0]?.initialize({ shard: 0, values: gradient }, patience);

  const header = { shard: 0, sequence: 1, clock: 0, baseVersion: 0, samples: 1 };
  const replies = await Promise.all(links.map((link, batch) => link.push({ ...header, batch, gradient }, patience)));
  expect(replies.map(({ type }) => type)).toEqual(links.map(() => "push_applied"));
  expect(replies.map(({ version }) => version).toSorted((a, b) => a - b)).toEqual(links.map((_, index) => index + 1));

  const into = new Float32Array(gradient.length);
  await Promise.all(links.slice(0, 4).map((link) => link.pull({ shard: 0, clock: 0, into }, patience)));
  // 1 − 64 · 1, exact in float32: each push counted once, whole.
  expect(into.every((value) => value === 1 - workers)).toBe(true);

  child.send("report");
  const { peakBytes } = await said<{ peakBytes: number }>(child);
  await Promise.all(links.map((link) => link.close()));
  console.info(
    `server's peak: ${(peakBytes / mebibyte).toFixed(0)} MiB, bound: ${(boundBytes / mebibyte).toFixed(0)} MiB`,
  );
  expect(peakBytes).toBeLessThan(boundBytes);
  expect(peakBytes).toBeGreaterThan(shardBytes);
}, 180_000);
