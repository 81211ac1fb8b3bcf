/** The newest assignment of a run, and how to wait for the next. */
import type { WorkerAssignment } from "@shoal/protocol";

export interface AssignmentBoard {
  current(): WorkerAssignment;
  /** Settles when an assignment newer than `revision` is there; at once when it is. */
  newerThan(revision: number): Promise<void>;
  /** @returns false when the assignment is not newer than the current one */
  update(assignment: WorkerAssignment): boolean;
  /** Lets everybody go on who waits: the run is over. */
  close(): void;
}

export function createAssignmentBoard(first: WorkerAssignment): AssignmentBoard {
  let assignment = first;
  let change = Promise.withResolvers<void>();
  let isClosed = false;
  return {
    current: () => assignment,
    newerThan: (revision) => (isClosed || assignment.revision > revision ? Promise.resolve() : change.promise),
    update(next) {
      if (next.revision <= assignment.revision) return false;
      assignment = next;
      change.resolve();
      change = Promise.withResolvers<void>();
      return true;
    },
    close() {
      isClosed = true;
      change.resolve();
    },
  };
}
