import { describe, expect, it } from "vitest";
import { chooseEncoding } from "./choose-encoding.ts";

const million = [{ size: 1_000_000 }];

describe("the choice of an encoding", () => {
  it.each([
    [1e9, 0.1, "float32"], // 4 ms of 100
    [1e8, 0.1, "bfloat16"], // 40 ms as float32, 20 as bfloat16
    [5e7, 0.1, "int8"],
    [1.25e7, 0.01, "top_k"],
    [1e3, 0.01, "top_k"],
  ])("is at %d bytes/s and %d s of computing %s", (bytesPerSecond, computeSeconds, name) => {
    expect(chooseEncoding({ layouts: million, bytesPerSecond, computeSeconds }).spec.name).toBe(name);
  });

  it("says why", () => {
    const { reason } = chooseEncoding({ layouts: million, bytesPerSecond: 1.25e7, computeSeconds: 0.01 });
    expect(reason).toBe("a push as top_k takes 0.00640 s at 12.5 MB/s, computing 0.0100 s");
  });
});
