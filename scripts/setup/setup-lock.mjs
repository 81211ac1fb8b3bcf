/**
 * One set-up at a time: `npm start` and `npm test` in two terminals must not install into the same folder together.
 *
 * The lock is a file that its holder touches every second. A holder that was killed leaves a file that grows old; it is
 * stale after `staleMs`, or at once when it names a process of this machine that is gone.
 */
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** @typedef {{ touchMs: number, pollMs: number, staleMs: number, tellMs: number, waitMs: number }} LockTimes */

/** @type {LockTimes} */
export const lockTimes = { touchMs: 1000, pollMs: 200, staleMs: 30_000, tellMs: 2000, waitMs: 15 * 60_000 };

/**
 * Runs `work` while holding the lock.
 *
 * @template T
 * @param {string} path of the lock file; its folder is made
 * @param {() => Promise<T>} work
 * @param {{ times?: LockTimes, onWait?: (holder: string) => void }} [options]
 * @returns {Promise<T>}
 * @throws Error when another process holds the lock for longer than `waitMs`
 */
export async function withLock(path, work, options = {}) {
  const times = options.times ?? lockTimes;
  mkdirSync(dirname(path), { recursive: true });
  await take(path, times, options.onWait ?? (() => {}));
  const touching = setInterval(() => touch(path), times.touchMs);
  try {
    return await work();
  } finally {
    clearInterval(touching);
    rmSync(path, { force: true });
  }
}

/**
 * @param {string} path
 * @param {LockTimes} times
 * @param {(holder: string) => void} onWait
 */
async function take(path, times, onWait) {
  const started = Date.now();
  let told = false;
  while (!create(path)) {
    const holder = readHolder(path);
    if (holder !== undefined && isStale(holder, times.staleMs)) {
      discard(path, holder);
      continue;
    }
    const waitedMs = Date.now() - started;
    const name = holder?.text ?? "unknown";
    if (waitedMs > times.waitMs) {
      throw new Error(`another set-up (${name}) holds ${path}; remove that file if no such process runs`);
    }
    if (!told && waitedMs > times.tellMs) {
      told = true;
      onWait(name);
    }
    await sleep(times.pollMs);
  }
}

/** @param {string} path */
function create(path) {
  try {
    const file = openSync(path, "wx");
    writeSync(file, `process ${process.pid} on ${hostname()}`);
    closeSync(file);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "EEXIST") return false;
    throw error;
  }
}

/** @typedef {{ text: string, ageMs: number }} Holder */

/**
 * @param {string} path
 * @returns {Holder | undefined} undefined when the file cannot be read, most likely because its holder has just let go
 */
function readHolder(path) {
  try {
    return { text: readFileSync(path, "utf8"), ageMs: Date.now() - statSync(path).mtimeMs };
  } catch {
    return undefined;
  }
}

/**
 * @param {Holder} holder
 * @param {number} staleMs
 */
export function isStale(holder, staleMs) {
  if (holder.ageMs > staleMs) return true;
  const [, id, host] = /^process (\d+) on (.+)$/.exec(holder.text) ?? [];
  return id !== undefined && host === hostname() && !isAlive(Number(id));
}

/** @param {number} id */
function isAlive(id) {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}

/**
 * Removes a stale lock. Two waiters may judge the same file; the slower one must not remove the lock that the faster
 * one has made since, so it moves the file aside, looks at it, and puts back what is not the file it judged.
 *
 * @param {string} path
 * @param {Holder} judged
 */
function discard(path, judged) {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    if (readFileSync(aside, "utf8") !== judged.text) linkSync(aside, path);
  } catch {
    // Another waiter was faster: the next turn of the loop sees its lock.
  } finally {
    rmSync(aside, { force: true });
  }
}

/** @param {string} path */
function touch(path) {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Somebody removed the file by hand; the work goes on and the end of it finds nothing to remove.
  }
}
