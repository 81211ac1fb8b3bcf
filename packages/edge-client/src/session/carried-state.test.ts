import { describe, expect, it } from "vitest";
import { createMemoryStorage } from "../storage/client-storage.ts";
import { createCarriedState } from "./carried-state.ts";

describe("what a client carries", () => {
  it("is what the last round left, and for a round that is trained again what that began with", async () => {
    const storage = createMemoryStorage();
    const state = createCarriedState(storage, "digits", "unsent");
    expect(await state.before(1)).toBeUndefined();
    await state.keep(1, Float32Array.of(1));
    expect(await state.before(1)).toBeUndefined();
    expect(await state.before(2)).toEqual(Float32Array.of(1));
    await state.keep(2, Float32Array.of(2));
    await state.keep(2, Float32Array.of(2.5));
    expect(await state.before(2)).toEqual(Float32Array.of(1));
    const reloaded = createCarriedState(storage, "digits", "unsent");
    expect(await reloaded.before(5)).toEqual(Float32Array.of(2.5));
  });

  it("is of one task, and of one name", async () => {
    const storage = createMemoryStorage();
    await createCarriedState(storage, "digits", "unsent").keep(1, Float32Array.of(1));
    expect(await createCarriedState(storage, "words", "unsent").before(2)).toBeUndefined();
    expect(await createCarriedState(storage, "digits", "personal").before(2)).toBeUndefined();
  });

  it("is nothing where it cannot be read", async () => {
    const storage = createMemoryStorage();
    await storage.set("carried/unsent", Uint8Array.of(0xc1, 1, 2));
    expect(await createCarriedState(storage, "digits", "unsent").before(1)).toBeUndefined();
  });
});
