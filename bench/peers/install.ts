/**
 * Brings the libraries that Shoal is measured against. They are a package of their own, installed by the first benchmark
 * that wants them: nobody else has to fetch their 240 MB.
 */
import { dependenciesAreInstalled } from "../../scripts/setup/dependencies.mjs";
import { runCommand } from "../../scripts/setup/run-command.mjs";
import { loadOnnx, type Onnx } from "./onnx.ts";
import { loadTensorFlow, type TensorFlow } from "./tensorflow.ts";

/** The peers, or why there are none: the benchmark then has rows without them. */
export type Peers =
  | { readonly kind: "ready"; readonly tensorFlow: TensorFlow; readonly onnx: Onnx }
  | { readonly kind: "missing"; readonly reason: string };

/** What npm says when nobody answers. */
const outOfReach: ReadonlySet<string> = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ERR_SOCKET_TIMEOUT", "ENETUNREACH"],
]);

/** Installs the peers where they are missing (a minute, once) and loads them, each with one thread. */
export async function preparePeers(say: (line: string) => void): Promise<Peers> {
  try {
    if (!dependenciesAreInstalled(import.meta.dirname)) await install(say);
    return { kind: "ready", tensorFlow: await loadTensorFlow(), onnx: loadOnnx() };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    say(`no peers to compare with: ${reason}`);
    return { kind: "missing", reason };
  }
}

/** @throws Error saying what npm complained about */
async function install(say: (line: string) => void): Promise<void> {
  say("fetching tfjs-backend-wasm and onnxruntime-web into bench/peers with npm ci: once, about 70 MB");
  // One more try, after ten seconds: npm would otherwise keep on for longer than a minute.
  const parameters = ["ci", "--fetch-retries=1", "--no-audit", "--no-fund", "--no-progress"];
  const shell = process.platform === "win32";
  const outcome = await runCommand("npm", parameters, { cwd: import.meta.dirname, shell });
  if (outcome.code === 0) return;
  const code = /npm error code (\S+)/.exec(outcome.output)?.[1] ?? `exit code ${outcome.code}`;
  throw new Error(
    outOfReach.has(code)
      ? `the registry of npm cannot be reached (${code})`
      : `npm ci in bench/peers failed (${code}); run it there by hand to see everything it says`,
  );
}
