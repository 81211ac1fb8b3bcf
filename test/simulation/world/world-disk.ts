/**
 * The place where the snapshots of a simulated cluster are kept. It outlives every process.
 *
 * As a process reaches it, it takes time, is full at times, and where it does not answer an object may be there all the
 * same. Whoever dies while it writes leaves nothing, or all of it: an object has its name when it is whole.
 */
import { ShoalError } from "@shoal/errors";
import type { SnapshotSource, SnapshotStore, StoredObject, StoredPointer } from "@shoal/protocol";
import { storeNode } from "./reachability.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** How long a request that is not answered waits, ms. */
const timeoutMs = 200;
/** An object comes in parts, so that others write in between, bytes. */
const partBytes = 1024;

export class WorldDisk {
  readonly objects = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly pointers = new Map<string, StoredPointer>();
  /** No room for another byte. */
  isFull = false;
  /** Told of every change that has been made. */
  onChange: (change: DiskChange) => void = () => undefined;
  #revisions = 0;

  put(name: string, bytes: Uint8Array<ArrayBuffer>): void {
    this.objects.set(name, bytes);
    this.onChange({ kind: "written", name, bytes });
  }

  remove(name: string): void {
    if (this.objects.delete(name)) this.onChange({ kind: "removed", name });
  }

  /** @throws ShoalError store_conflict */
  point(name: string, text: string, expected: string | null): void {
    const known = this.pointers.get(name)?.revision ?? null;
    if (known !== expected) throw new ShoalError("store_conflict", `${name} was changed by somebody else`);
    this.#revisions += 1;
    this.pointers.set(name, { text, revision: String(this.#revisions) });
    this.onChange({ kind: "pointed", name, text });
  }

  list(prefix: string): readonly StoredObject[] {
    return [...this.objects]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, bytes]) => ({ name, bytes: bytes.length }));
  }
}

export type DiskChange =
  | { readonly kind: "written"; readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "removed"; readonly name: string }
  | { readonly kind: "pointed"; readonly name: string; readonly text: string };

/** @returns undefined where the scenario has no such place */
export function diskOf(world: World, process: SimulatedProcess, disk: WorldDisk): SnapshotStore | undefined {
  const { scenario, random } = world;
  if (scenario.disk === undefined) return undefined;
  const { slowestMs, lossRate } = scenario.disk;
  const place = "the simulated disk";
  const draws = random.fork(`disk of ${process.id}`);
  const after = (ms: number): Promise<void> => new Promise((resolve) => void process.clock.after(ms, resolve));
  const request = async <T>(what: string, name: string, run: () => T): Promise<T> => {
    const [way, loss, fate] = [draws.uniform(), draws.uniform(), draws.uniform()];
    const fail = async (why: string, ms: number): Promise<never> => {
      await after(ms);
      throw new ShoalError("store_unavailable", `${place}: cannot ${what} ${name}: ${why}`, { place });
    };
    await after(way * slowestMs);
    world.message("disk", process.node, name, what);
    // What a process had on its way when it died may arrive.
    if (process.isDead && fate < 0.5) return fail("its process is dead", 0);
    if (!world.reach.reaches("bus", process.node, storeNode) || loss < lossRate / 2) {
      return fail(`no answer within ${timeoutMs} ms`, timeoutMs);
    }
    const answer = run();
    return loss < lossRate ? fail(`no answer within ${timeoutMs} ms`, timeoutMs) : answer;
  };
  const changing = <T>(what: string, name: string, run: () => T): Promise<T> =>
    request(what, name, () => {
      if (!disk.isFull) return run();
      throw new ShoalError("store_unavailable", `${place}: cannot ${what} ${name}: no space left`, { place });
    });
  return {
    place,
    async write(name, source) {
      const bytes = await readSlowly(source, () => after(draws.uniform() * slowestMs));
      await changing("write", name, () => disk.put(name, bytes));
    },
    read: (name) => request("read", name, () => disk.objects.get(name)?.slice()),
    list: (prefix) => request("list", prefix, () => disk.list(prefix)),
    remove: (name) => request("remove", name, () => disk.remove(name)),
    readPointer: (name) => request("read", name, () => disk.pointers.get(name)),
    writePointer: (name, text, expected) => changing("write", name, () => disk.point(name, text, expected)),
  };
}

async function readSlowly(source: SnapshotSource, pause: () => Promise<void>): Promise<Uint8Array<ArrayBuffer>> {
  source.rewind();
  const bytes = new Uint8Array(source.totalBytes);
  let position = 0;
  for (let part = source.next(partBytes); part !== undefined; part = source.next(partBytes)) {
    bytes.set(part, position);
    position += part.length;
    await pause();
  }
  return bytes;
}
