import { createRandom, createSimulatedClock, runSimulation, type SimulatedClock } from "@shoal/actors";
import { describe, expect, it } from "vitest";
import { createBrowserHints, type ReconnectHints } from "./reconnect-hints.ts";
import { createReconnectPace, type ReconnectPace } from "./reconnect-pace.ts";

const minuteMs = 60_000;

interface Scene {
  readonly seed?: number;
  /** When hints come. */
  readonly hintsAtMs?: readonly number[];
  /** How long an attempt takes to fail. */
  readonly failsAfterMs?: number;
  /** From when on attempts succeed, at once. */
  readonly thereAtMs?: number;
  readonly forMs: number;
}

/** Attempts from the end of a line at 0 on. @returns when they were made, virtual ms */
async function attemptsOf({ seed = 1, hintsAtMs = [], failsAfterMs = 0, thereAtMs, forMs }: Scene): Promise<number[]> {
  const clock = createSimulatedClock();
  const hearers = new Set<() => void>();
  const hints: ReconnectHints = {
    listen(onHint) {
      hearers.add(onHint);
      return () => hearers.delete(onHint);
    },
  };
  for (const atMs of hintsAtMs) {
    clock.after(atMs, () => {
      for (const hear of hearers) hear();
    });
  }
  const pace = createReconnectPace({ clock, random: createRandom(seed), hints });
  const closing = new AbortController();
  const attempts: number[] = [];
  const over = (async () => {
    for (;;) {
      await pace.next(closing.signal);
      if (closing.signal.aborted) return;
      attempts.push(clock.now());
      if (clock.now() >= (thereAtMs ?? Infinity)) return pace.succeeded();
      if (failsAfterMs > 0) await new Promise((resolve) => clock.after(failsAfterMs, () => resolve(undefined)));
    }
  })();
  await runSimulation(clock, { forMs });
  closing.abort();
  pace.close();
  // An attempt that is under way ends before the loop sees that it was closed.
  await runSimulation(clock);
  await over;
  expect([clock.pending, hearers.size]).toEqual([0, 0]);
  return attempts;
}

/** @returns how long the next attempt was waited for, virtual ms */
async function nextWait(clock: SimulatedClock, pace: ReconnectPace): Promise<number> {
  const since = clock.now();
  const next = pace.next(new AbortController().signal);
  await runSimulation(clock);
  await next;
  return clock.now() - since;
}

const gapsOf = (times: readonly number[]): number[] => times.slice(1).map((time, index) => time - (times[index] ?? 0));
const seeds = Array.from({ length: 50 }, (_, seed) => seed);

describe("the pace of attempts to connect again", () => {
  it("is back half a second after a hint at the latest, however long it was away; without one after up to half a minute", async () => {
    const backMs = 3 * minuteMs;
    const latencies = async (hintsAtMs: readonly number[]): Promise<number[]> => {
      const ends = seeds.map(async (seed) => {
        const attempts = await attemptsOf({ seed, hintsAtMs, thereAtMs: backMs, forMs: backMs + minuteMs });
        return (attempts.at(-1) ?? Infinity) - backMs;
      });
      return (await Promise.all(ends)).toSorted((a, b) => a - b);
    };
    const [hinted, unhinted] = [await latencies([backMs]), await latencies([])];
    // Where the attempt before was made less than a second ago, that second is waited for.
    expect(Math.max(...hinted)).toBeLessThanOrEqual(1_000);
    expect(hinted[25]).toBeLessThanOrEqual(500);
    expect(new Set(hinted).size).toBe(seeds.length); // not all clients at one moment
    expect(unhinted[25]).toBeGreaterThan(5_000);
    expect(Math.max(...unhinted)).toBeGreaterThan(20_000);
  });

  it("makes one attempt a second at most, however many hints there are", async () => {
    const forMs = 20_000;
    for (const seed of seeds.slice(0, 10)) {
      for (const everyMs of [20, 700, 1_500]) {
        const hintsAtMs = Array.from({ length: forMs / everyMs }, (_, index) => index * everyMs);
        const attempts = await attemptsOf({ seed, hintsAtMs, forMs });
        expect(Math.min(...gapsOf(attempts))).toBeGreaterThanOrEqual(1_000 - 1e-6); // times are rounded
        expect(attempts.length).toBeGreaterThan(10); // they are heard
      }
    }
  });

  it("begins its back-off again after a hint: names and routes may not be there yet", async () => {
    const hintMs = 3 * minuteMs;
    for (const seed of seeds) {
      const attempts = await attemptsOf({ seed, hintsAtMs: [hintMs], forMs: hintMs + 2 * minuteMs });
      const [first = 0, second = 0, third = 0] = attempts.filter((atMs) => atMs >= hintMs);
      expect(second - first).toBeGreaterThanOrEqual(1_000);
      expect(second - first).toBeLessThanOrEqual(1_500);
      expect(third - second).toBeLessThanOrEqual(2_000);
      expect(Math.max(...gapsOf(attempts))).toBeLessThanOrEqual(31_000);
    }
  });

  it("hears a hint while an attempt is under way, which it does not end", async () => {
    const failsAfterMs = 10_000;
    for (const seed of seeds) {
      const [first = 0, second = 0] = await attemptsOf({ seed, failsAfterMs, hintsAtMs: [5_000], forMs: minuteMs });
      expect(first).toBeLessThanOrEqual(750);
      expect(second).toBeGreaterThanOrEqual(first + failsAfterMs);
      expect(second).toBeLessThanOrEqual(first + failsAfterMs + 500);
    }
  });

  it("begins its back-off again when it is refused for the first time, and goes on with it when it is refused again", async () => {
    const clock = createSimulatedClock();
    const pace = createReconnectPace({ clock, random: createRandom(1), hints: undefined });
    const waits: number[] = [];
    for (let tries = 0; tries < 40; tries += 1) {
      waits.push(await nextWait(clock, pace));
      if (tries >= 20) pace.refused();
    }
    expect(Math.max(...waits.slice(10, 21))).toBeGreaterThan(20_000);
    expect(waits[21]).toBeLessThanOrEqual(750);
    expect(waits[22]).toBeLessThanOrEqual(1_250);
    expect(Math.max(...waits.slice(30))).toBeGreaterThan(20_000); // whose passes are never taken is no burden
  });

  it("does not remember a hint of before the line was lost", async () => {
    const clock = createSimulatedClock();
    let hint = (): void => undefined;
    const hints: ReconnectHints = {
      listen(onHint) {
        hint = onHint;
        return () => undefined;
      },
    };
    const pace = createReconnectPace({ clock, random: createRandom(3), hints });
    hint();
    const waits: number[] = [];
    for (let tries = 0; tries < 10; tries += 1) waits.push(await nextWait(clock, pace));
    // Had it been heard, no wait would be longer than half a second, or than the second.
    expect(waits[0]).toBeGreaterThan(250);
    expect(Math.max(...waits)).toBeGreaterThan(5_000);
  });
});

/** A window: an event target with a document that is one, too. */
function createWindow(): EventTarget & { readonly document: EventTarget & { visibilityState: string } } {
  return Object.assign(new EventTarget(), {
    document: Object.assign(new EventTarget(), { visibilityState: "hidden" }),
  });
}

describe("hints of a browser", () => {
  it("come of being online, shown, thawed, and brought back by the back button, until nobody listens", () => {
    const window = createWindow();
    let heard = 0;
    const stop = createBrowserHints(window).listen(() => (heard += 1));
    const act = (target: EventTarget, name: string, more: object = {}): number => {
      target.dispatchEvent(Object.assign(new Event(name), more));
      return heard;
    };
    expect(act(window, "online")).toBe(1);
    expect(act(window.document, "visibilitychange")).toBe(1); // it is hidden
    window.document.visibilityState = "visible";
    expect(act(window.document, "visibilitychange")).toBe(2);
    expect(act(window, "pageshow", { persisted: false })).toBe(2); // it was loaded
    expect(act(window, "pageshow", { persisted: true })).toBe(3);
    window.document.visibilityState = "hidden";
    expect(act(window.document, "freeze")).toBe(3);
    expect(act(window.document, "resume")).toBe(4); // a browser lets tabs go on that nobody looks at
    stop();
    for (const [target, name] of [
      [window, "online"],
      [window.document, "visibilitychange"],
      [window.document, "resume"],
    ] as const) {
      expect(act(target, name)).toBe(4);
    }
  });

  it("are those of a worker where there is no page, and none in Node", () => {
    const worker = new EventTarget();
    let heard = 0;
    createBrowserHints(worker).listen(() => (heard += 1));
    worker.dispatchEvent(new Event("online"));
    expect(heard).toBe(1);
    const stop = createBrowserHints().listen(() => (heard += 1));
    stop();
    expect(heard).toBe(1);
  });
});
