/** Well-known addresses: how roles find each other without knowing each other. */

/** Node of the coordinator; one at a time in a cluster. */
export const coordinatorNode = "coordinator";
/** The coordinator's actor. */
export const coordinatorAddress = "coordinator/main";
/** Name of the control actor on every server and worker node. */
export const controlActorName = "control";
