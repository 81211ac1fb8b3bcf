/** Starts a peer in a process of its own. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export interface Child {
  /** What the process said first: where it listens. */
  readonly said: string;
  stop(): Promise<void>;
}

/** @param file beside this one */
export async function startChild(file: string): Promise<Child> {
  const child = fork(join(import.meta.dirname, file), { execArgv: ["--conditions=shoal-source"] });
  const exited = once(child, "exit");
  const said = await Promise.race([
    once(child, "message").then(([message]) => String(message)),
    exited.then(() => {
      throw new Error(`${file} ended before it listened`);
    }),
  ]);
  return {
    said,
    async stop() {
      child.kill();
      await exited;
    },
  };
}
