/** Bounds of what a model from outside may ask for; beyond them it is refused. */
export const modelBounds: {
  readonly parameters: number;
  /** Elements of one sample's value. */
  readonly width: number;
  /** Layers of one list. */
  readonly layers: number;
  /** Primitive layers of the whole model, those within other layers included. */
  readonly nodes: number;
  /** Layers within layers within layers. */
  readonly depth: number;
  readonly inputs: number;
  readonly outputs: number;
  /** Names in one `from`. */
  readonly readers: number;
  readonly nameLength: number;
} = {
  parameters: 2 ** 28,
  width: 2 ** 24,
  layers: 1024,
  nodes: 2048,
  depth: 16,
  inputs: 64,
  outputs: 64,
  readers: 64,
  nameLength: 64,
};
