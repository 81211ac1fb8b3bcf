import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { renderErrorsDoc } from "../scripts/errors-doc/render.ts";

it("docs/ERRORS.md says what the table of error codes says (else: npm run docs:errors)", () => {
  expect(readFileSync(join(import.meta.dirname, "../docs/ERRORS.md"), "utf8")).toBe(renderErrorsDoc());
});
