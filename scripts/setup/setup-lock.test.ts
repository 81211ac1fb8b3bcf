import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isStale, lockTimes, withLock } from "./setup-lock.mjs";

const times = { ...lockTimes, pollMs: 5 };
let folder = "";
let path = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shoal-lock-"));
  path = join(folder, "new", "setup.lock");
});

afterEach(() => rmSync(folder, { recursive: true }));

describe("the lock of the set-up", () => {
  it("lets one work after the other, whoever comes first", async () => {
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise(setImmediate);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock(path, work, { times })));
    expect(most).toBe(1);
    expect(existsSync(path)).toBe(false);
  });

  it("is let go when the work fails", async () => {
    await expect(withLock(path, () => Promise.reject(new Error("no disk")), { times })).rejects.toThrow("no disk");
    expect(existsSync(path)).toBe(false);
  });

  it("is taken over from a holder that stopped touching it", async () => {
    await withLock(path, () => Promise.resolve(), { times });
    writeFileSync(path, "process 1 on another-machine");
    const longAgo = new Date(Date.now() - times.staleMs - 1000);
    utimesSync(path, longAgo, longAgo);
    expect(await withLock(path, () => Promise.resolve(readFileSync(path, "utf8")), { times })).toBe(
      `process ${process.pid} on ${hostname()}`,
    );
  });

  it("names the holder when the wait is over", async () => {
    await withLock(path, () => Promise.resolve(), { times });
    writeFileSync(path, "process 1 on another-machine");
    await expect(withLock(path, () => Promise.resolve(), { times: { ...times, waitMs: 20 } })).rejects.toThrow(
      "another set-up (process 1 on another-machine) holds",
    );
  });

  it("counts as stale when its process is gone, and only then when it is fresh", () => {
    const unusedId = 2 ** 22 + 1;
    expect(isStale({ text: `process ${unusedId} on ${hostname()}`, ageMs: 0 }, 1000)).toBe(true);
    expect(isStale({ text: `process ${process.pid} on ${hostname()}`, ageMs: 0 }, 1000)).toBe(false);
    expect(isStale({ text: `process ${unusedId} on another-machine`, ageMs: 0 }, 1000)).toBe(false);
    expect(isStale({ text: "", ageMs: 0 }, 1000)).toBe(false);
  });
});
