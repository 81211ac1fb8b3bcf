/** What ends a line of a trace file that a killed process left half-written, once another process goes on with the file. */
export const tornMark = "#torn";
