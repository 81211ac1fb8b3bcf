import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseModelSpec } from "@shoal/models";
import { expect, it } from "vitest";

const text = readFileSync(join(import.meta.dirname, "../docs/MODELS.md"), "utf8");

/** The types that a schema offers, as its message lists them. */
function typesOffered(model: unknown): readonly string[] {
  try {
    parseModelSpec(model);
  } catch (error) {
    const listed = /expected (?:one of )?(.*), got/.exec(String(error))?.[1] ?? "";
    return listed.split(/, | or /);
  }
  throw new Error("the model was taken");
}

it("docs/MODELS.md names every layer and every loss", () => {
  const layers = typesOffered({ inputs: 1, layers: [{ type: "?" }], loss: { type: "huber" } });
  const losses = typesOffered({ inputs: 1, layers: [{ type: "dense", outputs: 1 }], loss: { type: "?" } });
  expect(layers).toContain("transformer_block");
  expect(losses).toContain("huber");
  for (const type of [...layers, ...losses]) expect(text).toMatch(new RegExp(`\\| .*\`${type}\``));
});
