/**
 * exp, tanh, the logistic function and Φ on four lanes, and logarithms of one float64: no tables, no imports, the same
 * bits in every build and engine.
 *
 * Sources  Moshier, Cephes (expf, tanhf: range reduction and minimax polynomials); Press et al., Numerical Recipes,
 *          6.2.2 (erfc by Chebyshev fit, relative error 1.2e-7).
 */

/** ln of the least normal float32: below it the result is flushed to zero. */
const LEAST_EXPONENT: f32 = -87.33654;

/**
 * e^x for x ≤ 88; error at most 2 ulp down to x = −87.336, then 0; NaN stays NaN. Losses and activations only ever
 * ask for x ≤ 0.
 */
// @ts-ignore: decorator
@inline
export function exponential(x: v128): v128 {
  const least = f32x4.splat(LEAST_EXPONENT);
  const clamped = f32x4.max(x, least);
  // n = x / ln 2, rounded; r = x − n·ln 2, with ln 2 in two parts of which the first is exact in 9 bits.
  const n = f32x4.nearest(f32x4.mul(clamped, f32x4.splat(1.44269504)));
  let r = f32x4.sub(clamped, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, least));
}

/** tanh x; error at most 2 ulp. */
// @ts-ignore: decorator
@inline
export function hyperbolicTangent(x: v128): v128 {
  const magnitude = f32x4.abs(x);
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(-5.70498872745e-3);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(2.06390887954e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-5.37397155531e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.33314422036e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-3.33332819422e-1));
  const near = f32x4.add(f32x4.mul(f32x4.mul(p, z), x), x);
  // tanh |x| = 1 − 2e / (1 + e) with e = exp(−2|x|): no overflow, and exact where it rounds to 1.
  const e = exponential(f32x4.mul(magnitude, f32x4.splat(-2)));
  const one = f32x4.splat(1);
  const far = f32x4.sub(one, f32x4.div(f32x4.add(e, e), f32x4.add(one, e)));
  const signed = v128.or(far, v128.and(x, i32x4.splat(0x80000000)));
  return v128.bitselect(near, signed, f32x4.lt(magnitude, f32x4.splat(0.625)));
}

/** 1 / (1 + e^−x), by e^−|x| so that nothing overflows; error at most 3 ulp above the flush of exp. */
// @ts-ignore: decorator
@inline
export function logistic(x: v128): v128 {
  const one = f32x4.splat(1);
  const e = exponential(f32x4.neg(f32x4.abs(x)));
  const numerator = v128.bitselect(e, one, f32x4.lt(x, f32x4.splat(0)));
  return f32x4.div(numerator, f32x4.add(one, e));
}

/** Φ(x) = ½ erfc(−x/√2), the normal distribution function; absolute error below 2e-7. */
// @ts-ignore: decorator
@inline
export function normalDistribution(x: v128): v128 {
  const z = f32x4.mul(f32x4.abs(x), f32x4.splat(0.70710678));
  const one = f32x4.splat(1);
  const t = f32x4.div(one, f32x4.add(one, f32x4.mul(z, f32x4.splat(0.5))));
  let p = f32x4.splat(0.17087277);
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-0.82215223));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(1.48851587));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-1.13520398));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.27886807));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-0.18628806));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.09678418));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.37409196));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(1.00002368));
  p = f32x4.sub(f32x4.mul(p, t), f32x4.splat(1.26551223));
  const half = f32x4.mul(f32x4.mul(f32x4.splat(0.5), t), exponential(f32x4.sub(p, f32x4.mul(z, z))));
  return v128.bitselect(f32x4.sub(one, half), half, f32x4.gt(x, f32x4.splat(0)));
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
