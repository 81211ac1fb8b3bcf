import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createOutput } from "./output.ts";

describe("what the command line writes", () => {
  const script = process.env["npm_lifecycle_event"];
  beforeEach(() => {
    process.env["npm_lifecycle_event"] = "shoal";
  });
  afterEach(() => {
    if (script === undefined) delete process.env["npm_lifecycle_event"];
    else process.env["npm_lifecycle_event"] = script;
  });

  it("names commands as they are called here, and leaves other words alone", () => {
    const written: string[] = [];
    const output = createOutput(false, { write: (text: string) => written.push(text) });
    output.line("no shoal runs here; start one with `shoal up`, see `shoalbeds`");
    expect(written).toEqual(["no shoal runs here; start one with `npm run shoal -- up`, see `shoalbeds`\n"]);
  });
});
