/** The configuration that docker-compose.yml gives to NATS, read by a real nats-server. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { findTool, testTools } from "../../scripts/setup/tools.mjs";
import { workspaceRoot } from "../support/source-tree.ts";

const natsServer = testTools.flatMap((tool) => (tool.name === "nats-server" ? [findTool(tool, process.env)] : []))[0];

const compose = parse(readFileSync(join(workspaceRoot, "docker-compose.yml"), "utf8"), { merge: true }) as {
  readonly services: { readonly nats: { readonly environment: { readonly SHOAL_NATS_TOKEN: string } } };
};

/** What compose makes of the variable when the user's token is `token`. */
const substitute = (token: string): string =>
  compose.services.nats.environment.SHOAL_NATS_TOKEN.replace(/\$\{SHOAL_TOKEN:\?[^}]*\}/, token);

/** Asks nats-server whether it could run with the configuration; starts nothing. */
function isAccepted(variable: string): boolean {
  const parameters = ["-t", "-c", join(workspaceRoot, "deploy/nats.conf")];
  return spawnSync(natsServer ?? "", parameters, { env: { SHOAL_NATS_TOKEN: variable } }).status === 0;
}

describe.skipIf(natsServer === undefined)("deploy/nats.conf", () => {
  it.each(["a-word", "12e4abc", "0123456789", "true"])("takes the token %s", (token) => {
    expect(isAccepted(substitute(token))).toBe(true);
  });

  it("would not take a token like a number without its quotation marks", () => {
    expect(isAccepted("12e4abc")).toBe(false);
  });
});
