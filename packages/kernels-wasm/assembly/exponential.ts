/**
 * exp, tanh, the logistic function, ln(1 + e) and Φ on four lanes, and logarithms of one float64: the same bits in every
 * build and engine. Errors are in units of the last place of float32, against float64 over millions of samples of the
 * whole range; `activations.test.ts` holds to them.
 *
 *   exponential        1.0 ulp      seen 0.991 for x in [−87.33, 88.3]
 *   hyperbolicTangent  1.5 ulp      seen 1.44
 *   logistic           2.5 ulp      seen 2.40
 *   logOnePlusLanes    2.0 ulp      seen 1.98
 *
 * Sources  Moshier, Cephes (expf, tanhf: range reduction and minimax polynomials); Press et al., Numerical Recipes,
 *          6.2.2 (erfc by Chebyshev fit, relative error 1.2e-7).
 */

/**
 * Constants stand in the reserved first KiB of the memory, not in the code: V8 builds a vector constant from an integer
 * register anew at each use, which costs three times as much as a load that splats.
 */
// @ts-ignore: decorator
@inline
function splatAt(table: usize, index: usize): v128 {
  return v128.load32_splat(table + (index << 2));
}

const ONE: usize = memory.data<f32>([1]);
/** [0] ln of the least normal float32: below it the result is flushed to zero. [1] 1/ln 2. */
const RANGE: usize = memory.data<f32>([-87.33654, 1.44269504]);
/** 1.5·2^23: the sum with it has the other summand, rounded to an integer, in its low bits. */
const ROUNDER: usize = memory.data<f32>([12582912]);
/** ln 2 in two parts; the first is exact in 9 bits, so that its product with a small integer is exact too. */
const LN2: usize = memory.data<f32>([0.693359375, -2.1219444e-4]);
/** (e^r − 1 − r)/r² for |r| ≤ ½ ln 2, highest power first. */
const EXP: usize = memory.data<f32>([
  1.98756915e-4, 1.39819995e-3, 8.33345191e-3, 4.16657959e-2, 1.66666655e-1, 5.00000012e-1,
]);
/** (tanh x − x)/x³ in powers of x², highest first. */
const TANH_NEAR: usize = memory.data<f32>([
  -5.70498873e-3, 2.06390888e-2, -5.37397156e-2, 1.33314422e-1, -3.33332819e-1, 0.625,
]);
/** ln(erfc z · e^(z²) / t) in powers of t = 1/(1 + z/2), highest first. */
const ERFC: usize = memory.data<f32>([
  0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
  -1.26551223, 0.70710678, 0.5,
]);
/** (artanh s/s − 1)/s² in powers of s², highest first, by a Chebyshev fit for s ≤ ⅓; then 2 and ln 2. */
const ARTANH: usize = memory.data<f32>([0.13433775, 0.14116979, 0.20003836, 0.3333332, 2, 0.6931472]);
const EXPONENT_OF_ONE: usize = memory.data<i32>([0x3f800000]);

// @ts-ignore: decorator
@inline
function multiplyThenAdd(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

/**
 * e^x for x ≤ 88.3; error at most 1 ulp down to x = −87.336, then 0; NaN stays NaN. Losses and activations only ever
 * ask for x ≤ 0.
 */
// @ts-ignore: decorator
@inline
export function exponential(x: v128): v128 {
  const least = splatAt(RANGE, 0);
  const clamped = f32x4.pmax(x, least);
  // n = x / ln 2, rounded; r = x − n·ln 2.
  const shifted = multiplyThenAdd(clamped, splatAt(RANGE, 1), splatAt(ROUNDER, 0));
  const n = f32x4.sub(shifted, splatAt(ROUNDER, 0));
  let r = f32x4.sub(clamped, f32x4.mul(n, splatAt(LN2, 0)));
  r = f32x4.sub(r, f32x4.mul(n, splatAt(LN2, 1)));
  let p = splatAt(EXP, 0);
  p = multiplyThenAdd(p, r, splatAt(EXP, 1));
  p = multiplyThenAdd(p, r, splatAt(EXP, 2));
  p = multiplyThenAdd(p, r, splatAt(EXP, 3));
  p = multiplyThenAdd(p, r, splatAt(EXP, 4));
  p = multiplyThenAdd(p, r, splatAt(EXP, 5));
  p = f32x4.add(multiplyThenAdd(p, f32x4.mul(r, r), r), splatAt(ONE, 0));
  // The shift leaves n alone of the bits of the sum, as an exponent.
  const power = i32x4.add(i32x4.shl(shifted, 23), splatAt(EXPONENT_OF_ONE, 0));
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, least));
}

/** tanh x; error at most 1.5 ulp. */
// @ts-ignore: decorator
@inline
export function hyperbolicTangent(x: v128): v128 {
  const magnitude = f32x4.abs(x);
  const z = f32x4.mul(x, x);
  let p = splatAt(TANH_NEAR, 0);
  p = multiplyThenAdd(p, z, splatAt(TANH_NEAR, 1));
  p = multiplyThenAdd(p, z, splatAt(TANH_NEAR, 2));
  p = multiplyThenAdd(p, z, splatAt(TANH_NEAR, 3));
  p = multiplyThenAdd(p, z, splatAt(TANH_NEAR, 4));
  const near = multiplyThenAdd(f32x4.mul(p, z), x, x);
  // tanh |x| = 1 − 2e / (1 + e) with e = exp(−2|x|): no overflow, and exact where it rounds to 1.
  const e = exponential(f32x4.neg(f32x4.add(magnitude, magnitude)));
  const one = splatAt(ONE, 0);
  const far = f32x4.sub(one, f32x4.div(f32x4.add(e, e), f32x4.add(one, e)));
  const signed = v128.or(far, v128.xor(x, magnitude));
  return v128.bitselect(near, signed, f32x4.lt(magnitude, splatAt(TANH_NEAR, 5)));
}

/** 1 / (1 + e^−x), by e^−|x| so that nothing overflows; error at most 2.5 ulp above the flush of exp. */
// @ts-ignore: decorator
@inline
export function logistic(x: v128): v128 {
  const one = splatAt(ONE, 0);
  const e = exponential(f32x4.neg(f32x4.abs(x)));
  const numerator = v128.bitselect(e, one, f32x4.lt(x, f32x4.splat(0)));
  return f32x4.div(numerator, f32x4.add(one, e));
}

/** Φ(x) = ½ erfc(−x/√2), the normal distribution function; absolute error below 2e-7. */
// @ts-ignore: decorator
@inline
export function normalDistribution(x: v128): v128 {
  const z = f32x4.mul(f32x4.abs(x), splatAt(ERFC, 10));
  const one = splatAt(ONE, 0);
  const half = splatAt(ERFC, 11);
  const t = f32x4.div(one, multiplyThenAdd(z, half, one));
  let p = splatAt(ERFC, 0);
  p = multiplyThenAdd(p, t, splatAt(ERFC, 1));
  p = multiplyThenAdd(p, t, splatAt(ERFC, 2));
  p = multiplyThenAdd(p, t, splatAt(ERFC, 3));
  p = multiplyThenAdd(p, t, splatAt(ERFC, 4));
  p = multiplyThenAdd(p, t, splatAt(ERFC, 5));
  p = multiplyThenAdd(p, t, splatAt(ERFC, 6));
  p = multiplyThenAdd(p, t, splatAt(ERFC, 7));
  p = multiplyThenAdd(p, t, splatAt(ERFC, 8));
  p = multiplyThenAdd(p, t, splatAt(ERFC, 9));
  const tail = f32x4.mul(f32x4.mul(half, t), exponential(f32x4.sub(p, f32x4.mul(z, z))));
  return v128.bitselect(f32x4.sub(one, tail), tail, f32x4.gt(x, f32x4.splat(0)));
}

/** 2·artanh s for 0 ≤ s ≤ ⅓. */
// @ts-ignore: decorator
@inline
function twiceArtanhLanes(s: v128): v128 {
  const z = f32x4.mul(s, s);
  let p = splatAt(ARTANH, 0);
  p = multiplyThenAdd(p, z, splatAt(ARTANH, 1));
  p = multiplyThenAdd(p, z, splatAt(ARTANH, 2));
  p = multiplyThenAdd(p, z, splatAt(ARTANH, 3));
  const twice = f32x4.add(s, s);
  return multiplyThenAdd(f32x4.mul(p, z), twice, twice);
}

/** ln(1 + e) for 0 ≤ e ≤ 1; error at most 2 ulp. */
// @ts-ignore: decorator
@inline
export function logOnePlusLanes(e: v128): v128 {
  return twiceArtanhLanes(f32x4.div(e, f32x4.add(e, splatAt(ARTANH, 4))));
}

/** ln x for finite x ≥ 1, as a sum of softmax is; error at most 2 ulp; what is not finite stays above 88. */
// @ts-ignore: decorator
@inline
export function logarithmLanes(x: v128): v128 {
  const bits = i32x4.sub(x, splatAt(EXPONENT_OF_ONE, 0));
  const exponent = i32x4.shr_s(bits, 23);
  const mantissa = i32x4.sub(x, i32x4.shl(exponent, 23));
  const one = splatAt(ONE, 0);
  const s = f32x4.div(f32x4.sub(mantissa, one), f32x4.add(mantissa, one));
  return multiplyThenAdd(f32x4.convert_i32x4_s(exponent), splatAt(ARTANH, 5), twiceArtanhLanes(s));
}

/** 2·artanh s = 2 (s + s³/3 + s⁵/5 + …) for 0 ≤ s ≤ ⅓; truncated below 1e-13 relative. */
function twiceArtanh(s: f64): f64 {
  const z = s * s;
  let sum: f64 = 0;
  for (let odd = 25; odd >= 1; odd -= 2) sum = sum * z + 1 / <f64>odd;
  return 2 * s * sum;
}

/** ln(1 + e) for 0 ≤ e ≤ 1, exact to 1e-13 relative also for tiny e. */
export function logOnePlus(e: f64): f64 {
  return twiceArtanh(e / (2 + e));
}

/** ln x for normal x > 0; NaN and infinity stay. */
export function logarithm(x: f64): f64 {
  if (!(x < Infinity)) return x;
  const bits = reinterpret<i64>(x);
  let exponent = <i32>((bits >> 52) & 0x7ff) - 1023;
  const mantissa = reinterpret<f64>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  // Mantissa in [1, 2): s in [0, ⅓].
  return <f64>exponent * 0.6931471805599453 + twiceArtanh((mantissa - 1) / (mantissa + 1));
}
