/** Numbers in sentences that people read. */

/** The form that goes with a number, as in `is` and `are`. */
export function agreeing(number: number, one: string, many: string): string {
  return number === 1 ? one : many;
}

/** A number with its noun, and what has to agree with both: `1 client`, `0 clients`, `2 copies`, `1 client is`. */
export function counted(number: number, one: string, many: string = `${one}s`): string {
  return `${number} ${agreeing(number, one, many)}`;
}
