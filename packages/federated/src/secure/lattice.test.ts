import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemRandomBytes } from "../privacy/host/system-random-bytes.ts";
import { createRandomBits } from "../privacy/random-bits.ts";
import {
  createLatticeEncoder,
  decodeMean,
  latticeNoiseMultiplier,
  latticeNoiseVariance,
  planLattice,
} from "./lattice.ts";

const random = createRandomBits(systemRandomBytes);
const invalid = expect.objectContaining({ code: "invalid_argument" });

describe("a lattice", () => {
  it("holds every sum: whatever clients send, none can overflow", () => {
    fc.assert(
      fc.property(
        fc.record({
          clip: fc.double({ min: 1e-3, max: 100, noNaN: true }),
          half: fc.integer({ min: 1, max: 2 ** 15 }),
          weightCap: fc.integer({ min: 1, max: 100 }),
          clients: fc.integer({ min: 1, max: 300 }),
        }),
        fc.array(fc.float(), { maxLength: 20 }),
        ({ half, ...settings }, values) => {
          const lattice = planLattice({ ...settings, levels: 2 * half + 1 });
          const finite = Float32Array.from(values.filter((value) => !Number.isNaN(value)));
          const into = new Uint32Array(finite.length);
          createLatticeEncoder(lattice, lattice.weightCap, random).encode(finite, into);
          for (const value of into) {
            expect(value).toBeLessThanOrEqual(2 * lattice.offset);
            expect(lattice.clients * value).toBeLessThan(2 ** lattice.bits);
          }
          expect(lattice.bits).toBeLessThanOrEqual(32);
          expect(lattice.clients * lattice.weightCap).toBeLessThan(2 ** lattice.bits);
        },
      ),
    );
  });

  it("is refused where sums would not fit, with the levels that would", () => {
    const settings = { clip: 8, weightCap: 1000, clients: 1000 };
    expect(() => planLattice({ ...settings, levels: 2 ** 22 + 1 })).toThrowError(invalid);
    expect(() => planLattice({ ...settings, levels: 2 ** 22 + 1 })).toThrow("at most 4295 levels fit");
    expect(planLattice({ ...settings, levels: 4295 }).bits).toBe(32);
    expect(() => planLattice({ ...settings, levels: 4297 })).toThrowError(invalid);
    for (const change of [{ clip: 0 }, { levels: 4 }, { weightCap: 0.5 }, { clients: 0 }, { noiseVariance: 100 }]) {
      expect(() => planLattice({ ...settings, levels: 101, ...change })).toThrowError(invalid);
    }
  });

  it("takes the bits that a sum needs and no more", () => {
    // 100 clients, 2^22 levels: 100·2^22 needs 29 bits.
    expect(planLattice({ clip: 8, levels: 2 ** 22 + 1, clients: 100 }).bits).toBe(29);
    expect(planLattice({ clip: 1, levels: 3, clients: 1 }).bits).toBe(2);
  });

  it("rounds without bias", () => {
    const lattice = planLattice({ clip: 1, levels: 5, clients: 1 });
    const values = new Float32Array(40_000).fill(0.3);
    const into = new Uint32Array(values.length);
    createLatticeEncoder(lattice, 1, random).encode(values, into);
    const mean = new Float64Array(values.length);
    decodeMean(lattice, into, mean, { clients: 1, totalWeight: 1 });
    expect(new Set(mean)).toEqual(new Set([0, 0.5]));
    // Five standard errors of a coin with 0.6: ½·√(0.24/40000)·5.
    expect(Math.abs(mean.reduce((sum, value) => sum + value, 0) / mean.length - 0.3)).toBeLessThan(0.0062);
  });

  it("keeps what is on it as it is, and clips what is beyond", () => {
    const lattice = planLattice({ clip: 2, levels: 17, weightCap: 3, clients: 5 });
    const values = Float32Array.of(0, 0.25, -2, 2, 9, -Infinity);
    const into = new Uint32Array(values.length);
    createLatticeEncoder(lattice, 3, random).encode(values, into);
    const mean = new Float32Array(values.length);
    decodeMean(lattice, into, mean, { clients: 1, totalWeight: 3 });
    expect([...mean]).toEqual([0, 0.25, -2, 2, 2, -2]);
    expect(() =>
      createLatticeEncoder(lattice, 1, random).encode(Float32Array.of(NaN), new Uint32Array(1)),
    ).toThrowError(expect.objectContaining({ code: "not_finite" }));
    expect(() => createLatticeEncoder(lattice, 4, random)).toThrowError(invalid);
  });

  it("does not decode sums that no clients have", () => {
    const lattice = planLattice({ clip: 1, levels: 3, weightCap: 2, clients: 3 });
    const codec = expect.objectContaining({ code: "codec_failed" });
    const decode = (value: number, clients: number, totalWeight: number) => () =>
      decodeMean(lattice, Uint32Array.of(value), new Float32Array(1), { clients, totalWeight });
    expect(decode(9, 2, 4)).toThrowError(codec);
    expect(decode(0, 2, 1)).toThrowError(codec);
    expect(decode(0, 2, 5)).toThrowError(codec);
    expect(decode(0, 4, 4)).toThrowError(codec);
    expect(decode(8, 2, 4)).not.toThrow();
  });

  it("adds the noise that it says", () => {
    const [clients, noiseVariance, size] = [10, 50, 4000];
    const lattice = planLattice({ clip: 1, levels: 101, clients, noiseVariance });
    const sum = new Uint32Array(size);
    for (let client = 0; client < clients; client++) {
      const into = new Uint32Array(size);
      createLatticeEncoder(lattice, 1, random).encode(new Float32Array(size), into);
      into.forEach((value, index) => (sum[index] = (sum[index] ?? 0) + value));
    }
    const centred = [...sum].map((value) => value - clients * lattice.offset);
    const variance = centred.reduce((total, value) => total + value * value, 0) / size;
    // Five standard errors: √(2/4000)·500·5.
    expect(Math.abs(variance - clients * noiseVariance)).toBeLessThan(56);
  });

  it("has the noise that a multiplier asks for, where it fits into 32 bits", () => {
    const [levels, size, contributors] = [2 ** 16 + 1, 1_000_000, 60];
    const noiseVariance = latticeNoiseVariance(1.2, { levels, size, contributors });
    const lattice = planLattice({ clip: 0.5, levels, clients: 100, noiseVariance });
    // τ is 0 with as much noise as this.
    expect(latticeNoiseMultiplier(lattice, size, contributors)).toBeCloseTo(1.2, 12);
    expect(lattice.bits).toBeLessThanOrEqual(25);
  });

  it("counts rounding into the sensitivity, and noise of the clients that stay only", () => {
    const lattice = planLattice({ clip: 1, levels: 2 ** 16 + 1, clients: 100, noiseVariance: 1e8 });
    const multiplier = latticeNoiseMultiplier(lattice, 10_000, 64);
    // C·s = 32768, √d = 100, σ√n = 80000; τ is e^(−10^9).
    expect(multiplier).toBeCloseTo(80_000 / 32_868, 12);
    expect(latticeNoiseMultiplier(lattice, 10_000, 16)).toBeCloseTo(multiplier / 2, 12);
    expect(latticeNoiseMultiplier(planLattice({ clip: 1, clients: 3 }), 10, 3)).toBe(0);
    // With little noise a client the sum is not quite a Gaussian: τ = 10·e^(−4π²) for two of variance 4.
    const small = planLattice({ clip: 1, levels: 3, clients: 2, noiseVariance: 4 });
    const tau = 10 * Math.exp(-4 * Math.PI ** 2);
    expect(1 / latticeNoiseMultiplier(small, 4, 2)).toBeCloseTo(3 / Math.sqrt(8) + 2 * tau, 14);
  });
});
