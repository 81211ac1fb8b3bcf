/** Name of the variable in which the nats-server's guardian finds whom to trust. */
export const trustVariable = "SHOAL_EDGE_TRUST";
