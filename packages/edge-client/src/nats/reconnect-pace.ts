/**
 * When the next attempt to connect is made: after a back-off that grows with attempts in vain, or sooner after a hint.
 *
 * Invariants
 *   P1  a hint counts when it comes between two attempts or during one; while there is a line nobody needs it.
 *   P2  no attempt that a hint has brought forward is made earlier than `hintedSpacingMs` after the one before, nor any that
 *       follows it, until there is a line: however many hints come, they cannot make a client hammer its edge.
 *   P3  after a hint the back-off begins again: a device is online before names and routes are there. So it does when the login is
 *       refused the first time: an edge that was started again is there, and has another pass for its clients.
 */
import type { Clock, Random, Timer } from "@shoal/actors/browser";
import { reconnectDelayMs } from "./reconnect-delay.ts";
import type { ReconnectHints } from "./reconnect-hints.ts";

export interface ReconnectPaceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly hints: ReconnectHints | undefined;
}

export interface ReconnectPace {
  /** Settles when the next attempt is to be made, or the signal is raised. */
  next(signal: AbortSignal): Promise<void>;
  /** The last attempt has made a line. */
  succeeded(): void;
  /** Somebody is there, who did not take the login. */
  refused(): void;
  /** Hears no hints any more. */
  close(): void;
}

const hintedSpacingMs = 1_000;
/** Devices that one network has brought back do not come at one moment. */
const hintJitterMs = 500;

export function createReconnectPace({ clock, random, hints }: ReconnectPaceOptions): ReconnectPace {
  /** In vain, since the back-off began. */
  let tries = 0;
  let isThere = true;
  let isHinted = false;
  /** Both since there was a line. */
  let wasHinted = false;
  let wasRefused = false;
  let lastAttemptMs = -Infinity;
  let hasten: (() => void) | undefined;
  const stop = hints?.listen(() => {
    if (isThere || isHinted) return; // P1
    isHinted = true;
    hasten?.();
  });
  const hintedMs = (): number =>
    Math.max(clock.now() + random.uniform() * hintJitterMs, lastAttemptMs + hintedSpacingMs);
  return {
    async next(signal) {
      isThere = false;
      const dueMs = clock.now() + reconnectDelayMs(tries, random, wasHinted ? hintedSpacingMs : undefined); // P2
      await waitUntil({ clock, signal }, (set) => {
        hasten = () => set(Math.min(dueMs, hintedMs()));
        if (isHinted) hasten();
        else set(dueMs);
      });
      hasten = undefined;
      tries = isHinted ? 0 : tries + 1; // P3
      wasHinted ||= isHinted;
      isHinted = false;
      lastAttemptMs = clock.now();
    },
    succeeded() {
      isThere = true;
      isHinted = false;
      wasHinted = false;
      wasRefused = false;
      tries = 0;
    },
    refused() {
      if (!wasRefused) tries = 0; // P3
      wasRefused = true;
    },
    close: () => stop?.(),
  };
}

interface Waiting {
  readonly clock: Clock;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** @param begin - is given what sets the time; until then it may be set anew */
function waitUntil({ clock, signal }: Waiting, begin: (set: (atMs: number) => void) => void): Promise<void> {
  return new Promise((resolve) => {
    let timer: Timer | undefined;
    let isOver = signal.aborted;
    const end = (): void => {
      isOver = true;
      timer?.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    if (isOver) return resolve();
    signal.addEventListener("abort", end);
    begin((atMs) => {
      timer?.cancel();
      if (!isOver) timer = clock.after(Math.max(0, atMs - clock.now()), end);
    });
  });
}
