/**
 * Properties draw the same cases in every run of the tests: what a commit's tests say depends on the commit alone.
 * New cases are drawn by `npm run fuzz`.
 */
import fc from "fast-check";

const seed = Number(process.env["SHOAL_PROPERTY_SEED"] ?? 1);
if (!Number.isSafeInteger(seed)) throw new RangeError(`SHOAL_PROPERTY_SEED must be a whole number, not ${seed}`);
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
