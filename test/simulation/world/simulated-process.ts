/**
 * One process of a simulated cluster: it can stand still, die, and have a clock that jumps.
 *
 * A process that stands still hears nothing and its timers do not fire until it goes on: then all of that happens at once,
 * in the order in which it would have. A dead one does what its actors still do on their way out, but nobody hears it.
 */
import type { Clock } from "@shoal/actors";

export class SimulatedProcess {
  /** What others call it. A process that takes another's place has the same node. */
  readonly node: string;
  /** Told apart from every other process, also from those before it on the same node. */
  readonly id: string;
  readonly clock: Clock;
  isDead = false;
  /** A death that nobody notices: the machine has gone, not only the process. */
  isSilent = false;
  /** Stands still at this moment, or has at some time: its deadlines may then be late. */
  hasPaused = false;
  /** Virtual time of its death, ms. */
  diedAtMs: number | undefined = undefined;
  #isPaused = false;
  #jumpedMs = 0;
  readonly #held: (() => void)[] = [];
  readonly #onDeath = new Set<() => void>();

  constructor(node: string, id: string, clock: Clock) {
    this.node = node;
    this.id = id;
    this.clock = {
      now: () => clock.now() + this.#jumpedMs,
      after: (delayMs, callback) => {
        let isCancelled = false;
        const timer = clock.after(delayMs, () => this.whenAwake(() => isCancelled || callback()));
        return {
          cancel() {
            isCancelled = true;
            timer.cancel();
          },
        };
      },
    };
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  whenAwake(act: () => void): void {
    if (this.#isPaused) this.#held.push(act);
    else act();
  }

  pause(): void {
    this.#isPaused = true;
    this.hasPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    for (const act of this.#held.splice(0)) act();
  }

  /** Its clock goes forward by so much at once, as after a correction; timers that run do not notice. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
    this.hasPaused = true;
  }

  /** Calls back when it dies; `forget` ends that. */
  onDeath(listener: () => void): { forget(): void } {
    this.#onDeath.add(listener);
    return { forget: () => void this.#onDeath.delete(listener) };
  }

  die(isSilent: boolean, atMs: number): void {
    if (this.isDead) return;
    this.isDead = true;
    this.isSilent = isSilent;
    this.diedAtMs = atMs;
    // It must be able to end: whatever it waits for on its own, it gets.
    if (this.#isPaused) this.resume();
    for (const listener of this.#onDeath) listener();
    this.#onDeath.clear();
  }
}
