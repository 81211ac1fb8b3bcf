/**
 * The shards of a scenario as far as the coordinator can tell: who may push to them, how far each worker may run ahead,
 * which batches they have applied and how often.
 */
import type { RunMembers, ShardSeat } from "@shoal/protocol";

export class PlayedShards {
  readonly #runs = new Map<string, PlayedRun>();

  of(run: string): PlayedRun {
    const known = this.#runs.get(run) ?? new PlayedRun();
    this.#runs.set(run, known);
    return known;
  }
}

interface Life {
  readonly member: number;
  readonly incarnation: number;
}

/** What one server knows of the run's members. */
interface Book {
  members: RunMembers;
  readonly clocks: Map<string, number>;
}

const nameOf = ({ member, incarnation }: Life): string => `${member}.${incarnation}`;

export class PlayedRun {
  /** Steps that are complete (synchronous mode), or batches applied. */
  version = 0;
  /** Times that each batch was pushed. */
  readonly pushes = new Map<number, number>();
  /** Pushes of workers that a server did not list. */
  refusals = 0;
  /** What a seat allowed that must never be, as sentences. */
  readonly faults: string[] = [];
  readonly #slots = new Set<number>();
  readonly #seats = new Map<string, ShardSeat>();
  readonly #books = new Map<string, Book>();

  /** A server was told who takes part. One that comes late starts where the slowest is. */
  update(server: string, members: RunMembers): void {
    const book = this.#books.get(server);
    if (book !== undefined && book.members.revision >= members.revision) return;
    const before = book?.clocks ?? new Map<string, number>();
    const start = before.size === 0 ? 0 : Math.min(...before.values());
    const clocks = new Map(members.workers.map((life) => [nameOf(life), before.get(nameOf(life)) ?? start]));
    this.#books.set(server, { members, clocks });
  }

  /** A server is gone, with what it knew. */
  forget(server: string): void {
    this.#books.delete(server);
  }

  /** A server was told a seat: everybody is told the same under one term, and nobody leads that was not complete. */
  seated(seat: ShardSeat): void {
    const { shard, term, primary } = seat;
    const same = this.#seats.get(`${shard} ${term}`);
    if (same === undefined) this.#seats.set(`${shard} ${term}`, seat);
    else if (JSON.stringify(same) !== JSON.stringify(seat))
      this.faults.push(`two seats of shard ${shard}, term ${term}`);
    const before = [...this.#seats.values()].filter((each) => each.shard === shard && each.term < term);
    const last = before.toSorted((a, b) => b.term - a.term)[0];
    if (last === undefined) return;
    const complete = [last.primary, ...last.replicas].some(({ node }) => node === primary.node);
    if (!complete) this.faults.push(`${primary.node} leads shard ${shard} in term ${term} and was no replica before`);
  }

  /** Whether a worker may start its next batch, at most `staleness` ahead of the slowest, on every server. */
  mayStart(life: Life, staleness: number): boolean {
    return [...this.#books.values()].every(({ clocks }) => {
      const own = clocks.get(nameOf(life));
      return own === undefined || own - staleness <= Math.min(...clocks.values());
    });
  }

  /** A contribution to step `clock`. @returns whether it counts (the first, or a repetition within the step) */
  contribute(life: Life, clock: number, slot: number, slots: number): boolean {
    if (clock < this.version || !this.#admits(life)) return false;
    const batch = clock * slots + slot;
    this.pushes.set(batch, (this.pushes.get(batch) ?? 0) + 1);
    this.#slots.add(slot);
    if (this.#slots.size === slots) {
      this.version += 1;
      this.#slots.clear();
    }
    return true;
  }

  /** A push that is applied as it comes. @returns false when the worker is not listed everywhere */
  apply(life: Life, batch: number): boolean {
    if (!this.#admits(life)) return false;
    this.pushes.set(batch, (this.pushes.get(batch) ?? 0) + 1);
    this.version += 1;
    for (const { clocks } of this.#books.values()) clocks.set(nameOf(life), (clocks.get(nameOf(life)) ?? 0) + 1);
    return true;
  }

  /** Distinct batches that the shards have. */
  get applied(): number {
    return this.pushes.size;
  }

  #admits(life: Life): boolean {
    const admitted = [...this.#books.values()].every(({ clocks }) => clocks.has(nameOf(life)));
    if (!admitted) this.refusals += 1;
    return admitted;
  }
}
