/**
 * The ten digits as pen strokes in a box of width and height 1, y downward. A stroke is a chain of quadratic Bézier
 * curves: a start, then pairs of control point and end point.
 */
export type Point = readonly [x: number, y: number];
export type Stroke = readonly Point[];

/** A straight piece needs no control point of its own: the middle of its ends is one. */
function line(...points: readonly Point[]): Stroke {
  return points.flatMap((point, index): Point[] => {
    const previous = points[index - 1];
    if (previous === undefined) return [point];
    return [[(previous[0] + point[0]) / 2, (previous[1] + point[1]) / 2], point];
  });
}

const zero: Stroke = [
  [0.5, 0],
  [1, 0],
  [1, 0.5],
  [1, 1],
  [0.5, 1],
  [0, 1],
  [0, 0.5],
  [0, 0],
  [0.5, 0],
];
const two: Stroke = [
  [0.05, 0.25],
  [0.1, -0.05],
  [0.55, 0],
  [1.1, 0.1],
  [0.8, 0.5],
  [0.5, 0.75],
  [0, 1],
];
const three: Stroke = [
  [0.05, 0.1],
  [0.6, -0.15],
  [0.85, 0.2],
  [0.95, 0.5],
  [0.4, 0.48],
  [1.1, 0.5],
  [0.9, 0.8],
  [0.7, 1.15],
  [0, 0.9],
];
const five: Stroke = [
  [0.12, 0.45],
  [0.95, 0.3],
  [0.9, 0.7],
  [0.8, 1.1],
  [0.05, 0.92],
];
const six: Stroke = [
  [0.8, 0],
  [0.05, 0.15],
  [0.05, 0.65],
  [0.05, 1],
  [0.5, 1],
  [0.95, 1],
  [0.95, 0.7],
  [0.9, 0.42],
  [0.5, 0.45],
  [0.1, 0.48],
  [0.05, 0.7],
];
const seven: Stroke = [
  [1, 0],
  [0.5, 0.4],
  [0.35, 1],
];
const eight: Stroke = [
  [0.5, 0.48],
  [0.2, 0.45],
  [0.12, 0.25],
  [0.05, 0],
  [0.5, 0],
  [0.95, 0],
  [0.88, 0.25],
  [0.8, 0.45],
  [0.5, 0.48],
  [1.05, 0.5],
  [0.95, 0.78],
  [0.9, 1],
  [0.5, 1],
  [0.1, 1],
  [0.05, 0.78],
  [-0.05, 0.5],
  [0.5, 0.48],
];
const nine: Stroke = [
  [0.9, 0.3],
  [0.9, 0],
  [0.5, 0],
  [0.05, 0],
  [0.05, 0.3],
  [0.1, 0.55],
  [0.5, 0.55],
  [0.9, 0.5],
  [0.9, 0.3],
  [0.95, 0.7],
  [0.6, 1],
];

export const digitStrokes: readonly (readonly Stroke[])[] = [
  [zero],
  [line([0.3, 0.25], [0.55, 0], [0.55, 1])],
  [two, line([0, 1], [1, 1])],
  [three],
  [line([0.65, 0], [0, 0.65], [1, 0.65]), line([0.7, 0.35], [0.7, 1])],
  [line([0.9, 0], [0.2, 0], [0.12, 0.45]), five],
  [six],
  [line([0, 0], [1, 0]), seven],
  [eight],
  [nine],
];
