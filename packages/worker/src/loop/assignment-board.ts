/** The newest assignment of a run, and how to wait for the next. */
import type { WorkerAssignment } from "@shoal/protocol";

export interface AssignmentBoard {
  current(): WorkerAssignment;
  /**
   * Waits for an assignment newer than `revision`: the promise settles when there is one, at once if there is already.
   * Whoever watches calls `stop` when it waits no more.
   */
  watch(revision: number): { readonly changed: Promise<void>; readonly stop: () => void };
  /** @returns false when the assignment is not newer than the current one */
  update(assignment: WorkerAssignment): boolean;
}

export function createAssignmentBoard(first: WorkerAssignment): AssignmentBoard {
  let assignment = first;
  const watchers = new Set<() => void>();
  return {
    current: () => assignment,
    watch(revision) {
      const { promise: changed, resolve } = Promise.withResolvers<void>();
      if (assignment.revision > revision) resolve();
      else watchers.add(resolve);
      return { changed, stop: () => void watchers.delete(resolve) };
    },
    update(next) {
      if (next.revision <= assignment.revision) return false;
      assignment = next;
      for (const wake of watchers) wake();
      watchers.clear();
      return true;
    },
  };
}
