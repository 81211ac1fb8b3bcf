import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeMissing, findTool, isCi, type Tool } from "./tools.mjs";

let folder = "";
const tool: Tool = {
  name: "fish-server",
  variable: "FISH_BIN",
  programs: ["fish-server", "fishd"],
  places: [],
  debianPackage: "fish",
  elsewhere: "macOS: brew install fish",
  tests: "tests of fish",
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shoal-tools-"));
  writeFileSync(join(folder, "fishd"), "");
  chmodSync(join(folder, "fishd"), 0o755);
});

afterEach(() => rmSync(folder, { recursive: true }));

describe("a tool that tests need", () => {
  it("is found on the PATH under any of its names", () => {
    expect(findTool(tool, { PATH: `/nowhere:${folder}` })).toBe(join(folder, "fishd"));
    expect(findTool(tool, { PATH: "/nowhere" })).toBeUndefined();
  });

  it("is not a folder of the same name", () => {
    mkdirSync(join(folder, "fish-server"));
    expect(findTool(tool, { PATH: folder })).toBe(join(folder, "fishd"));
  });

  it("is not replaced by another one when its variable is wrong", () => {
    const environment = { PATH: folder, FISH_BIN: "/nowhere/fish" };
    expect(findTool(tool, environment)).toBeUndefined();
    expect(describeMissing(tool, environment)).toBe("FISH_BIN names /nowhere/fish, which is no program");
  });

  it("is described with all the ways to get it", () => {
    expect(describeMissing(tool, {})).toBe(
      "fish-server is not installed (Debian: apt-get install fish; macOS: brew install fish; or set FISH_BIN to its path)",
    );
  });
});

describe("continuous integration", () => {
  it("is recognised by a CI variable that is neither empty, 0 nor false", () => {
    expect([undefined, "", "0", "false", "1", "true"].map((CI) => isCi(CI === undefined ? {} : { CI }))).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
    ]);
  });
});
