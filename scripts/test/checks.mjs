/** The checks that stand beside the tests: each is a name and commands that must all end with code 0. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../setup/run-command.mjs";

/** @typedef {{ name: string, commands: readonly (readonly string[])[] }} Check */

/**
 * @param {string} root
 * @returns {readonly Check[]}
 */
export function listChecks(root) {
  const hasProto = existsSync(join(root, "proto"));
  return [
    { name: "format", commands: [["prettier", "--check", "--log-level=warn", "."]] },
    { name: "lint", commands: [["oxlint", "--type-aware", "--deny-warnings"]] },
    { name: "types", commands: [["tsc", "-b"]] },
    { name: "unused code", commands: [["knip", "--no-progress"]] },
    ...(hasProto
      ? [
          {
            name: "generated protocol",
            commands: [
              ["buf", "lint"],
              ["node", "scripts/test/generated-protocol.mjs"],
            ],
          },
        ]
      : []),
  ];
}

/** Checks at a time: one of them takes as long as all others, and most use one core. */
const atOnce = 2;

/**
 * Runs all checks; says of each how it ended, as it ends.
 *
 * @param {readonly Check[]} checks
 * @param {string} root
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export async function runChecks(checks, root) {
  const waiting = [...checks];
  const counts = { passed: 0, failed: 0 };
  const lane = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      counts[(await runCheck(check, root)) ? "passed" : "failed"] += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return counts;
}

/**
 * Runs one check; prints its name and result, and what its command said when it failed.
 *
 * @param {Check} check
 * @param {string} root
 * @returns {Promise<boolean>} whether it passed
 */
async function runCheck(check, root) {
  const started = Date.now();
  // Some of the tools colour even what goes into a file.
  const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: "1" };
  for (const [program = "", ...parameters] of check.commands) {
    const outcome = await runCommand(program, parameters, { cwd: root, env, shell: process.platform === "win32" });
    if (outcome.code === 0) continue;
    console.log(`✗ ${check.name}: ${program} ${parameters.join(" ")}\n${outcome.output.trimEnd()}\n`);
    return false;
  }
  console.log(`✓ ${check.name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  return true;
}
