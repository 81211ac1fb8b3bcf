/**
 * float16 (IEEE 754 binary16) and bfloat16 bits of numbers and back; to nearest, ties to even, beyond the largest to
 * infinity. Element by element: files are read and written once; the kernels have the fast ones.
 */

const bits = new Uint32Array(1);
const value = new Float32Array(bits.buffer);

function bitsOf(number: number): number {
  value[0] = number;
  return bits[0]!;
}

function numberOf(pattern: number): number {
  bits[0] = pattern;
  return value[0]!;
}

export function bfloat16Bits(number: number): number {
  const pattern = bitsOf(number);
  if (Number.isNaN(number)) return (pattern >>> 16) | 0x40;
  return ((pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16) & 0xffff;
}

export function bfloat16Value(pattern: number): number {
  return numberOf(pattern << 16);
}

/** The least normal number, the unit of subnormal ones, and where rounding reaches infinity. */
const leastNormal = 2 ** -14;
const subnormalUnit = 2 ** -24;
const infinityBound = 65_520;

export function float16Bits(number: number): number {
  const sign = (bitsOf(number) >>> 16) & 0x8000;
  const size = Math.abs(number);
  if (Number.isNaN(number)) return 0x7e00;
  if (size >= infinityBound) return sign | 0x7c00;
  if (size < leastNormal) return sign | roundToEven(size / subnormalUnit);
  // A mantissa that rounds up to 2 carries into the exponent, as it should.
  const pattern = bitsOf(size);
  return sign | ((pattern - 0x3800_0000 + 0xfff + ((pattern >>> 13) & 1)) >>> 13);
}

function roundToEven(size: number): number {
  const down = Math.floor(size);
  const rest = size - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}

export function float16Value(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >>> 10) & 0x1f;
  const fraction = pattern & 0x3ff;
  if (exponent === 0) return sign * fraction * subnormalUnit;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
