/**
 * The server's control variate in the store, or another vector of a version: as long as the values, so in chunks beside the
 * task's record.
 *
 * Two slots, by turns: the next version takes the place of the one before the present. Chunks say whose they are, so that what
 * two writers left half done is taken as nothing.
 */
import type { Clock, StateStore } from "@shoal/actors";
import { isShoalError } from "@shoal/errors";

/** What a control belongs to. */
export interface ControlName {
  /** Of the aggregator that wrote it. */
  readonly term: number;
  readonly epoch: number;
  /** Of the values that it goes with. */
  readonly version: number;
}

export interface ControlStore {
  /** @returns undefined where it is not there, or not whole @throws ShoalError store_unavailable */
  read(of: Omit<ControlName, "term">): Promise<Float32Array | undefined>;
  /** @param control - borrowed @throws ShoalError store_unavailable */
  write(name: ControlName, control: Float32Array): Promise<void>;
  /** The run is over. */
  clear(): Promise<void>;
}

export interface ControlStoreOptions {
  readonly run: string;
  readonly store: StateStore;
  readonly clock: Clock;
  /** Elements. */
  readonly size: number;
  /** Of what is kept: another vector has another. Default "control". */
  readonly name?: string;
}

interface Chunk extends ControlName {
  readonly content: Uint8Array;
}

/** A value of the store has 256 KiB at most. */
const chunkBytes = 192 * 1024;
/** Chunks that are written at a time. */
const atOnce = 8;
/** Times that the store may be away, or another one's write come in between. */
const mostTries = 20;
const retryMs = 500;

export function createControlStore({
  run,
  store,
  clock,
  size,
  name: kind = "control",
}: ControlStoreOptions): ControlStore {
  const bytes = size * Float32Array.BYTES_PER_ELEMENT;
  const chunks = Math.ceil(bytes / chunkBytes);
  const prefix = `federated/${run}/${kind}/`;
  const keyOf = (version: number, index: number): string => `${prefix}${version % 2}.${index}`;
  const put = async (key: string, chunk: Chunk): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      try {
        const found = await store.get(key);
        await (found === undefined ? store.create(key, chunk) : store.update(key, chunk, found.revision));
        return;
      } catch (error) {
        const isConflict = isShoalError(error, "store_conflict");
        if (!(isConflict || isShoalError(error, "store_unavailable")) || tries >= mostTries) throw error;
        await new Promise<void>((resolve) => void clock.after(isConflict ? 0 : retryMs, resolve));
      }
    }
  };
  return {
    async read({ epoch, version }) {
      const content = new Uint8Array(bytes);
      let writer: number | undefined;
      for (let index = 0; index < chunks; index += 1) {
        const chunk = (await store.get(keyOf(version, index)))?.value as Chunk | undefined;
        if (chunk?.epoch !== epoch || chunk.version !== version) return undefined;
        writer ??= chunk.term;
        const place = content.subarray(index * chunkBytes, (index + 1) * chunkBytes);
        if (chunk.term !== writer || chunk.content.length !== place.length) return undefined;
        place.set(chunk.content);
      }
      return new Float32Array(content.buffer);
    },
    async write(name, control) {
      const content = new Uint8Array(control.buffer, control.byteOffset, control.byteLength);
      for (let begin = 0; begin < chunks; begin += atOnce) {
        const indexes = Array.from({ length: Math.min(atOnce, chunks - begin) }, (_, at) => begin + at);
        await Promise.all(
          indexes.map((index) => {
            const part = content.slice(index * chunkBytes, (index + 1) * chunkBytes);
            return put(keyOf(name.version, index), { ...name, content: part });
          }),
        );
      }
    },
    async clear() {
      for (const key of await store.keys(prefix)) {
        const found = await store.get(key);
        if (found !== undefined) await store.delete(key, found.revision);
      }
    },
  };
}
