import { describe, expect, it } from "vitest";
import { playSecureSum } from "../support/secure-sum.ts";

const names = Array.from({ length: 10 }, (_, i) => `client-${i}`);
const size = 500;

describe("in a page", () => {
  it.each(["P-256", "X25519"] as const)(
    "a secure sum with %s is exact, with a client leaving in each stage",
    async (curve) => {
      const stages = ["nothing", "advertise", "share", "mask"] as const;
      const found = new Uint32Array(size);
      const { survivors, state } = await playSecureSum({
        plan: {
          ...{ name: "page", curve, bits: 20, minimumClients: 4, invited: names.length, stageTimeoutMs: 1000 },
          threat: { adversarialShare: 0, dropOutShare: 0.34, server: "semi_malicious" },
        },
        ...{ clients: names, size, chunk: 160 },
        lastStage: (client) => stages[names.indexOf(client) - 2] ?? "all",
        fill(client, begin, into) {
          for (let index = 0; index < into.length; index++) into[index] = (begin + index) * (names.indexOf(client) + 1);
        },
        take: (begin, sum) => found.set(sum, begin),
      });
      expect(state.phase).toBe("summed");
      expect(survivors).toEqual(["client-0", "client-1", "client-5", "client-6", "client-7", "client-8", "client-9"]);
      const factor = 1 + 2 + 6 + 7 + 8 + 9 + 10;
      expect([...found]).toEqual(Array.from({ length: size }, (_, index) => (index * factor) % 2 ** 20));
    },
  );
});
