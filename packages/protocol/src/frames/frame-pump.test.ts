import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createFramePump, type FramePump, type FrameSource } from "./frame-pump.ts";

/** A line whose flushes happen when the test says so. */
function line(maximumUnflushedBytes = 10): {
  pump: FramePump;
  written: string[];
  flushOne: () => boolean;
  held: () => number;
} {
  const written: string[] = [];
  const flushes: { bytes: number; flushed: () => void }[] = [];
  const pump = createFramePump({
    maximumUnflushedBytes,
    write({ head, payload }, flushed) {
      written.push(`${String.fromCharCode(head[0] ?? 0)}${payload?.length ?? 0}`);
      flushes.push({ bytes: payload?.length ?? 0, flushed });
    },
  });
  const flushOne = (): boolean => {
    const flush = flushes.shift();
    flush?.flushed();
    return flush !== undefined;
  };
  return { pump, written, flushOne, held: () => flushes.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function source(name: string, frames: readonly (number | "flush")[], finished: string[] = []): FrameSource {
  const rest = [...frames];
  return {
    next() {
      const frame = rest.shift();
      return typeof frame === "number"
        ? { head: Uint8Array.of(name.charCodeAt(0)), payload: new Uint8Array(frame) }
        : frame;
    },
    finished: () => void finished.push(name),
  };
}

describe("the frame pump", () => {
  test("keeps the frames of one source together, in order, and reports each source once", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant("flush" as const)), { maxLength: 5 }), {
          maxLength: 6,
        }),
        (sources) => {
          const { pump, written, flushOne, held } = line();
          const finished: string[] = [];
          const names = sources.map((_, index) => String.fromCharCode(65 + index));
          for (const [index, frames] of sources.entries()) pump.add(source(names[index] ?? "", frames, finished));
          do expect(held()).toBeLessThan(20);
          while (flushOne());
          const expected = sources.flatMap((frames, index) =>
            frames.filter((frame) => frame !== "flush").map((bytes) => `${names[index]}${bytes}`),
          );
          expect(written).toEqual(expected);
          expect(finished.toSorted()).toEqual(names);
        },
      ),
    );
  });

  test("sends nothing behind a flush mark until all before it has left", () => {
    const { pump, written, flushOne } = line(100);
    pump.add(source("a", [1, 2, "flush", 3]));
    pump.add(source("b", [4]));
    expect(written).toEqual(["a1", "a2"]);
    flushOne();
    expect(written).toEqual(["a1", "a2"]);
    flushOne();
    expect(written).toEqual(["a1", "a2", "a3", "b4"]);
  });

  test("takes back a source that has not begun, and no other", () => {
    const { pump, written, flushOne } = line();
    const [first, second] = [source("a", [9, 9, 9]), source("b", [1])];
    pump.add(first);
    pump.add(second);
    expect([pump.remove(first), pump.remove(second), pump.remove(second)]).toEqual([false, true, false]);
    while (flushOne());
    expect(written).toEqual(["a9", "a9", "a9"]);
  });

  test("lets inserted frames pass what waits", () => {
    const { pump, written } = line();
    pump.add(source("a", [10, 10]));
    pump.insert(Uint8Array.of(120));
    expect(written).toEqual(["a10", "x0"]);
  });

  test("calls nothing after it was stopped", () => {
    const { pump, written, flushOne } = line();
    const finished: string[] = [];
    pump.add(source("a", [10, 10], finished));
    pump.stop();
    pump.insert(Uint8Array.of(120));
    while (flushOne());
    expect([written, finished]).toEqual([["a10"], []]);
  });
});
