import { describe, expect, it } from "vitest";
import { clusterName, consistency, count, overridesOf, port, roleCount, webOrigin } from "./options.ts";

describe("options", () => {
  it("read consistency modes", () => {
    expect(consistency("bounded:3")).toEqual({ mode: "bounded", staleness: 3 });
    expect(consistency("asynchronous")).toEqual({ mode: "asynchronous" });
    expect(() => consistency("bounded")).toThrow(/bounded:S/);
  });

  it("refuse numbers out of range and say what was expected", () => {
    expect(() => count("0")).toThrow(/from 1/);
    expect(() => count("two")).toThrow(/"two"/);
    expect(() => port("70000")).toThrow(/65535/);
    expect(() => port("")).toThrow(/65535/);
    expect(roleCount("256")).toBe(256);
    expect(() => roleCount("257")).toThrow(/from 1 to 256/);
    expect(() => clusterName("../a b")).toThrow(/a-z/);
  });

  it("read origins of the web, and refuse what names no host or more than one", () => {
    expect(webOrigin("https://Edge.example:8443/")).toBe("https://edge.example:8443");
    for (const text of [
      "edge.example",
      "edge.example:8443",
      "https://edge.example/page",
      "ftp://edge.example",
      "https://",
    ]) {
      expect(() => webOrigin(text)).toThrow(/without a path/);
    }
  });

  it("override only what was given", () => {
    expect(overridesOf({ epochs: 2, mode: { mode: "synchronous" } })).toEqual({
      epochs: 2,
      consistency: { mode: "synchronous" },
    });
  });
});
