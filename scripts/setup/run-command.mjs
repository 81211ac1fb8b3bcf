import { spawn } from "node:child_process";

/** What is kept of a command's output: enough to name its failure. */
const keptCharacters = 64 * 1024;

/**
 * @typedef {object} Outcome
 * @property {number} code exit code; 127 when the program could not be started
 * @property {string} output the end of what it wrote, at most 64 Ki characters, both streams in order of arrival
 */

/**
 * Runs a program to its end without a terminal, so that nothing can stop to ask a question.
 *
 * @param {string} program
 * @param {readonly string[]} parameters
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, shell?: boolean }} [options]
 * @returns {Promise<Outcome>}
 */
export function runCommand(program, parameters, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, [...parameters], {
      cwd: options.cwd,
      env: options.env ?? process.env,
      shell: options.shell ?? false,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output = (output + text).slice(-keptCharacters);
      });
    }
    child.on("error", (error) => resolve({ code: 127, output: `${program}: ${error.message}` }));
    child.on("close", (code, signal) => {
      resolve({ code: code ?? 1, output: signal === null ? output : `${output}\n${program} was ended by ${signal}` });
    });
  });
}
