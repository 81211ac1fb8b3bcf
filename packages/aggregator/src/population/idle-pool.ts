/** Names from which some are drawn by lot: adding, removing and drawing one take constant time. */
import type { Random } from "@shoal/actors";

export interface IdlePool {
  readonly count: number;
  has(name: string): boolean;
  add(name: string): void;
  remove(name: string): void;
  /** So many, none of `except`; fewer where there are no more. They stay in the pool. */
  draw(count: number, except: readonly string[], random: Random): readonly string[];
}

export function createIdlePool(): IdlePool {
  const names: string[] = [];
  const positions = new Map<string, number>();
  const put = (name: string, at: number): void => {
    names[at] = name;
    positions.set(name, at);
  };
  return {
    get count() {
      return names.length;
    },
    has: (name) => positions.has(name),
    add(name) {
      if (!positions.has(name)) put(name, names.length);
    },
    remove(name) {
      const at = positions.get(name);
      if (at === undefined) return;
      positions.delete(name);
      const last = names.pop();
      if (last !== undefined && last !== name) put(last, at);
    },
    draw(count, except, random) {
      const left = new Set(except);
      const drawn: string[] = [];
      // A partial shuffle: what was looked at stands behind the rest.
      for (let rest = names.length; rest > 0 && drawn.length < count; rest -= 1) {
        const at = random.integer(rest);
        const [chosen, last] = [names[at], names[rest - 1]];
        if (chosen === undefined || last === undefined) break;
        put(last, at);
        put(chosen, rest - 1);
        if (!left.has(chosen)) drawn.push(chosen);
      }
      return drawn;
    },
  };
}
