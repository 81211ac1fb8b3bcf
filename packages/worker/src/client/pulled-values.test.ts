import { describe, expect, it } from "vitest";
import { createPulledParts } from "./pulled-values.ts";

const values = (version: number, stamp: number) => ({ type: "values", version, stamp }) as const;

describe("what a client has of a shard", () => {
  it("is what its pulls brought, until it is forgotten", () => {
    const parts = createPulledParts(2, undefined);
    const [first, second] = [Float32Array.of(1, 2), new Float32Array(2)];
    const pull = parts.open(0);
    expect(pull.ask().have).toBe(0);
    expect(pull.follow(values(1, 7), first)).toBe(8);
    const next = parts.open(0);
    expect(next.ask().have).toBe(7);
    expect(next.follow({ ...values(1, 7), form: "unchanged" }, second)).toBe(0);
    expect([...second]).toEqual([1, 2]);
    expect(parts.open(1).ask().have).toBe(0);
    parts.forget(0);
    expect(parts.open(0).ask().have).toBe(0);
  });

  it("is asked for anew with each attempt, so that a shard that has moved is shown no stamp of its predecessor", () => {
    const parts = createPulledParts(1, undefined);
    parts.open(0).follow(values(1, 7), Float32Array.of(1));
    const pull = parts.open(0);
    expect(pull.ask().have).toBe(7);
    parts.forget(0);
    expect(pull.ask().have).toBe(0);
    pull.follow(values(2, 9), Float32Array.of(2));
    expect(parts.open(0).ask().have).toBe(9);
  });

  it("is nothing after a reply that came from where the shard was, though the reply itself is followed", () => {
    const parts = createPulledParts(1, undefined);
    parts.open(0).follow(values(1, 7), Float32Array.of(5));
    const pull = parts.open(0);
    pull.ask();
    parts.forget(0);
    const into = new Float32Array(1);
    pull.follow({ ...values(1, 7), form: "unchanged" }, into);
    expect([...into]).toEqual([5]);
    expect(parts.open(0).ask().have).toBe(0);
  });
});
