/** How a model is refused: with the path of the field and a sentence. */
import { ShoalError } from "@shoal/errors";

/** Which layer a message is about. */
export interface LayerPlace {
  /** `layer 3 (residual) > layer 1 (dense)`. */
  readonly label: string;
  /** Of the layer in the model's own list: `layers[3]`. */
  readonly path: string;
}

/** @throws ShoalError invalid_argument */
export function refuse(root: string, path: string, sentence: string): never {
  throw new ShoalError("invalid_argument", `${root}.${path}: ${sentence}`, { path: `${root}.${path}` });
}
