/**
 * Moves of 1 to 4 float32 lanes, and sums across lanes.
 *
 * Every element-wise kernel is one inlined function of (pointers, lanes): the loop calls it with 4, the rest of the
 * vector with 1, 2 or 3, or three times with 1 where many vectors would make the code long. Whole and rest thus share one
 * definition of the arithmetic (K1).
 */

/** Loads `lanes` floats; the other lanes are zero. Never reads past them. */
// @ts-ignore: decorator
@inline
export function load(pointer: usize, lanes: i32): v128 {
  return lanes == 4 ? v128.load(pointer) : loadRest(pointer, lanes);
}

/** Calls itself, so that the compiler leaves it a function: it stands at the end of every vector, not in its loop. */
function loadRest(pointer: usize, lanes: i32): v128 {
  if (lanes == 1) return v128.load32_zero(pointer);
  if (lanes == 2) return v128.load64_zero(pointer);
  return v128.load32_lane(pointer, loadRest(pointer, 2), 2, 8);
}

/** Stores the first `lanes` floats of `value`. */
// @ts-ignore: decorator
@inline
export function store(pointer: usize, value: v128, lanes: i32): void {
  if (lanes == 4) v128.store(pointer, value);
  else storeRest(pointer, value, lanes);
}

function storeRest(pointer: usize, value: v128, lanes: i32): void {
  if (lanes == 1) {
    v128.store32_lane(pointer, value, 0);
  } else if (lanes == 2) {
    v128.store64_lane(pointer, value, 0);
  } else {
    storeRest(pointer, value, 2);
    v128.store32_lane(pointer, value, 2, 8);
  }
}

/** All bits set in the first `lanes` lanes. */
// @ts-ignore: decorator
@inline
export function laneMask(lanes: i32): v128 {
  return i32x4.gt_s(i32x4.splat(lanes), i32x4(0, 1, 2, 3));
}

/** Bytes of the whole groups of four floats in `count` floats. */
// @ts-ignore: decorator
@inline
export function wholeBytes(count: i32): usize {
  return (<usize>count >> 2) << 4;
}

/** Bytes of `count` floats: where the loop over single floats behind the whole groups ends. */
// @ts-ignore: decorator
@inline
export function allBytes(count: i32): usize {
  return <usize>count << 2;
}

/** Σ of the four lanes, in the order (0+1) + (2+3). */
// @ts-ignore: decorator
@inline
export function sumLanes(value: v128): f32 {
  return (
    f32x4.extract_lane(value, 0) +
    f32x4.extract_lane(value, 1) +
    (f32x4.extract_lane(value, 2) + f32x4.extract_lane(value, 3))
  );
}

// @ts-ignore: decorator
@inline
export function maxLanes(value: v128): f32 {
  return max(
    max(f32x4.extract_lane(value, 0), f32x4.extract_lane(value, 1)),
    max(f32x4.extract_lane(value, 2), f32x4.extract_lane(value, 3)),
  );
}

/** sums [2] float64 + the four float32 lanes of `value`. */
// @ts-ignore: decorator
@inline
export function addPromoted(sums: v128, value: v128): v128 {
  const high = i8x16.shuffle(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
  return f64x2.add(f64x2.add(sums, f64x2.promote_low_f32x4(value)), f64x2.promote_low_f32x4(high));
}

/** Σ of the two float64 lanes. */
// @ts-ignore: decorator
@inline
export function sumDoubles(sums: v128): f64 {
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
}
