/**
 * Logarithm and exponential from additions, multiplications and divisions alone.
 *
 * Math.log and Math.exp may differ in the last bit between engines, and one bit of a draw can move a sample to another
 * client. These two are within 2 units in the last place, and the same bits everywhere.
 */

const view = new DataView(new ArrayBuffer(8));
/** ln 2 in two parts: the first has 32 trailing zero bits, so that its products with exponents are exact. */
const ln2High = 6.931_471_803_691_238e-1;
const ln2Low = 1.908_214_929_270_587_7e-10;
const exponentBias = 1023;

/**
 * x = m·2^e with m in [√½, √2); log m = 2·(s + s³/3 + s⁵/5 + …), s = (m − 1)/(m + 1), |s| < 0.172.
 * @param x positive, finite and not denormal
 */
export function exactLog(x: number): number {
  view.setFloat64(0, x);
  const high = view.getUint32(0);
  let exponent = (high >>> 20) - exponentBias;
  view.setUint32(0, (high & 0xfffff) | (exponentBias << 20));
  let mantissa = view.getFloat64(0);
  if (mantissa >= Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let series = 0;
  for (let power = 23; power >= 3; power -= 2) series = square * (series + 1 / power);
  return exponent * ln2High + (2 * s + (2 * s * series + exponent * ln2Low));
}

/** exp(x) = 2^k·exp(r), |r| ≤ ½·ln 2, by its series. 0 below −700. @param x at most 700 */
export function exactExp(x: number): number {
  if (x < -700) return 0;
  const k = Math.round(x / (ln2High + ln2Low));
  const r = x - k * ln2High - k * ln2Low;
  let series = 1;
  for (let term = 16; term >= 1; term -= 1) series = 1 + (r / term) * series;
  view.setUint32(0, (k + exponentBias) << 20);
  view.setUint32(4, 0);
  return series * view.getFloat64(0);
}
