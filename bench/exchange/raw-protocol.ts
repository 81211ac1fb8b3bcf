/**
 * The raw peer's protocol, as little as can be said: a request is 8 bytes (kind, length, both uint32 little-endian) and
 * for a push the payload; a push is answered with 4 bytes, a pull with the payload.
 */
export const pushKind = 1;
export const pullKind = 2;
export const requestBytes = 8;
export const answerBytes = 4;
