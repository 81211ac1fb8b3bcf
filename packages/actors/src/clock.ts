/** Time as a port: nothing below the hosts reads a clock or sets a timer by itself. */

/** One pending callback. */
export interface Timer {
  /** Has no effect once the callback has run. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch, possibly with a fraction. Never goes backwards within a process. */
  now(): number;
  /**
   * Calls back once, not earlier than `delayMs` from now and never before `after` has returned.
   * @param delayMs - ms, at least 0
   */
  after(delayMs: number, callback: () => void): Timer;
}
