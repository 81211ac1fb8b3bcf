/** What a script is called with: a mistake ends it with a sentence and how it is called, not with a stack. */
import process from "node:process";

const usageExitCode = 2;

/**
 * @param usage lines that say how the script is called
 * @param read parses and checks; what it throws is a mistake of whoever called
 */
export function readOptions<T>(usage: string, read: () => T): T {
  if (process.argv.includes("--help")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return read();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(usageExitCode);
  }
}

/** @throws RangeError it is no whole number from 1 */
export function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new RangeError(`--${option} is ${text}; it must be a whole number from 1`);
}

/** @throws RangeError it is none of them */
export function oneOf<T extends string>(option: string, text: string, all: readonly T[]): T {
  const found = all.find((each) => each === text);
  if (found !== undefined) return found;
  throw new RangeError(`--${option} is ${text}; it must be one of ${all.join(", ")}`);
}
