/**
 * Packing of operands that lie in memory as tables say: the patches of images, and matrices whose columns run through
 * several samples.
 *
 * Element (line, depth) stands at source + lines[line] + depths[depth], both int32 in bytes. Lines that are neighbours
 * in memory (the columns of one kernel row, the positions of one output row) are copied as one run.
 */

/** Greatest number of lines of a table. */
export const TABLE_LINES: i32 = 512;
const LINE_BYTES: usize = <usize>TABLE_LINES << 2;

/** Where the table of depths stands in a pair of tables. */
// @ts-ignore: decorator
@inline
export function depthsOf(tables: usize): usize {
  return tables + LINE_BYTES;
}

/** As `packPanel`: panel[0…depth][0…width] = the lines from `line` on at the depths from `d` on. */
export function packGathered(
  source: usize,
  tables: usize,
  line: i32,
  width: i32,
  d: i32,
  depth: i32,
  panel: usize,
  stride: i32,
): void {
  const lines = tables + (<usize>line << 2);
  const depths = depthsOf(tables) + (<usize>d << 2);
  const step = <usize>stride << 2;
  let w = 0;
  while (w < width) {
    const first = i32.load(lines + (<usize>w << 2));
    let run = 1;
    while (w + run < width && i32.load(lines + (<usize>(w + run) << 2)) == first + (run << 2)) run++;
    copyRun(source + first, depths, depth, panel + (<usize>w << 2), step, run);
    w += run;
  }
}

/** Copies a run of 1 to 8 neighbours at each depth and touches nothing beside it: its halves overlap instead. */
function copyRun(from: usize, depths: usize, depth: i32, to: usize, step: usize, run: i32): void {
  const end = depths + (<usize>depth << 2);
  if (run >= 4) {
    const second = <usize>(run - 4) << 2;
    for (; depths < end; depths += 4) {
      const at = from + i32.load(depths);
      v128.store(to, v128.load(at));
      v128.store(to + second, v128.load(at + second));
      to += step;
    }
  } else if (run >= 2) {
    const second = <usize>(run - 2) << 2;
    for (; depths < end; depths += 4) {
      const at = from + i32.load(depths);
      i64.store(to, i64.load(at));
      i64.store(to + second, i64.load(at + second));
      to += step;
    }
  } else {
    for (; depths < end; depths += 4) {
      i32.store(to, i32.load(from + i32.load(depths)));
      to += step;
    }
  }
}
