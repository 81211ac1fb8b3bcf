/** Which nodes reach which, on the bus and on the data plane: partitions that may overlap and end one by one. */

/** The state store, as a node that others may be cut off from. */
export const storeNode = "store";

export type Plane = "bus" | "data";

export interface Cut {
  readonly planes: readonly Plane[];
  /** Nodes on the one side; those on the other, "*" being everybody else. */
  readonly left: readonly string[];
  readonly right: readonly string[] | "*";
  /** Whether only what goes from left to right is lost. */
  readonly oneWay: boolean;
}

export class Reachability {
  readonly #cuts = new Set<Cut>();

  /** @returns what ends it */
  cut(cut: Cut): () => void {
    this.#cuts.add(cut);
    return () => void this.#cuts.delete(cut);
  }

  reaches(plane: Plane, from: string, to: string): boolean {
    if (this.#cuts.size === 0) return true;
    for (const cut of this.#cuts) {
      if (!cut.planes.includes(plane)) continue;
      if (parts(cut, from, to) || (!cut.oneWay && parts(cut, to, from))) return false;
    }
    return true;
  }

  /** True where a node has lost its connection to the bus altogether. */
  isIsolated(node: string): boolean {
    for (const cut of this.#cuts) {
      if (cut.planes.includes("bus") && cut.right === "*" && !cut.oneWay && cut.left.includes(node)) return true;
    }
    return false;
  }
}

function parts({ left, right }: Cut, from: string, to: string): boolean {
  return left.includes(from) && (right === "*" ? !left.includes(to) : right.includes(to));
}
