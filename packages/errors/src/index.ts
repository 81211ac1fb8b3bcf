export { agreeing, counted } from "./counted.ts";
export { errorMeanings } from "./error-meanings.ts";
export { errorTable, isErrorCode, type ErrorCode, type ErrorRow, type Retry } from "./error-table.ts";
export { isShoalError, ShoalError, type ErrorDetails, type SerializedError } from "./shoal-error.ts";
