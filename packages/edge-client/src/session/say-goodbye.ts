/** The last word of a client. */
import { ShoalError } from "@shoal/errors";
import { isPrivate, type ClientPlane, type TaskDescription } from "@shoal/federated";

const goodbyeMs = 500;

/** Nobody waits for its answer longer than a moment: a lease ends by itself. */
export async function sayGoodbye(plane: ClientPlane, reason: string): Promise<void> {
  await plane.request({ type: "leave", reason: reason.slice(0, 256) }, goodbyeMs).catch(() => undefined);
}

/**
 * What the other side is told of what went wrong here: a sentence may hold something of the data, such as a label and its row.
 * @param task - undefined: none was seen, and no data were looked at
 */
export function toldOf(task: TaskDescription | undefined, error: unknown): string {
  const { message, code } = ShoalError.from(error);
  return task !== undefined && isPrivate(task.privacy) ? code : message;
}
