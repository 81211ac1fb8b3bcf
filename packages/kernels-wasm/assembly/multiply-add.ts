/**
 * a·b + c: fused in the relaxed build, rounded twice in the baseline. Only matrix products may use it; element-wise
 * kernels must give the same bits in every build (K1).
 */
// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}
