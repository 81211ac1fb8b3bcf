/** What happened in a simulated run, in order: the newest events, or all of them. */

/** Events that are kept where not all are: enough to see what led to a violation. */
const keptEvents = 400;

type Event = readonly [atMs: number, ...words: readonly (string | number)[]];

export class EventTrace {
  readonly #events: Event[] = [];
  readonly #keepsAll: boolean;
  #next = 0;
  #count = 0;

  constructor(keepsAll: boolean) {
    this.#keepsAll = keepsAll;
  }

  /** Events so far. */
  get count(): number {
    return this.#count;
  }

  add(...event: Event): void {
    this.#count += 1;
    if (this.#keepsAll || this.#events.length < keptEvents) {
      this.#events.push(event);
      return;
    }
    this.#events[this.#next] = event;
    this.#next = (this.#next + 1) % keptEvents;
  }

  /** One line an event, oldest first. */
  lines(): readonly string[] {
    const ordered = [...this.#events.slice(this.#next), ...this.#events.slice(0, this.#next)];
    return ordered.map(([atMs, ...words]) => `${atMs.toFixed(3).padStart(10)}  ${words.join(" ")}`);
  }
}
