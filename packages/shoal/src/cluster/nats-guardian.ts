/** What is left to do when the guardian of a nats-server has ended (`roles/nats-role.ts`). */
import { existsSync, rmSync } from "node:fs";
import type { ChildNode } from "./child-node.ts";

/** The folder stands as long as the guardian has not cleaned up; then nobody but us ends its nats-server. */
export function cleanUpAfter({ detail: { folder, pid } }: ChildNode): void {
  if (folder === undefined || !existsSync(folder)) return;
  try {
    process.kill(Number(pid), "SIGKILL");
  } catch {
    // It ended by itself in the meantime.
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
