/** Why something is no plain data; never leaves `plain-data.ts`. */
export class MessagePackFault extends Error {}

/** Deepest nesting of maps and arrays. */
export const maximumDepth = 32;
