/**
 * The four files of MNIST and how each is recognised.
 *
 * The checksums are of the unpacked content: mirrors and users pack the same content differently, so those of the
 * packed files would refuse good copies.
 */
import { createHash } from "node:crypto";

export type MnistPart = "trainImages" | "trainLabels" | "testImages" | "testLabels";

export interface MnistFile {
  readonly part: MnistPart;
  /** Without `.gz`. */
  readonly name: string;
  /** Unpacked. */
  readonly bytes: number;
  readonly sha256: string;
}

export const mnistFiles: readonly MnistFile[] = [
  {
    part: "trainImages",
    name: "train-images-idx3-ubyte",
    bytes: 47_040_016,
    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
  },
  {
    part: "trainLabels",
    name: "train-labels-idx1-ubyte",
    bytes: 60_008,
    sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
  },
  {
    part: "testImages",
    name: "t10k-images-idx3-ubyte",
    bytes: 7_840_016,
    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
  },
  {
    part: "testLabels",
    name: "t10k-labels-idx1-ubyte",
    bytes: 10_008,
    sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
  },
];

/** Base addresses that serve the packed files under their names. */
export const mnistMirrors: readonly string[] = [
  "https://ossci-datasets.s3.amazonaws.com/mnist",
  "https://storage.googleapis.com/cvdf-datasets/mnist",
];

/** Names under which people keep a file: packed or not, and with the dot that some archives put in. */
export function fileNames({ name }: MnistFile): readonly string[] {
  const dotted = name.replace("-idx", ".idx");
  return [`${name}.gz`, name, `${dotted}.gz`, dotted];
}

/** True when the unpacked content is the original's. */
export function isOriginal(file: MnistFile, content: Uint8Array): boolean {
  return content.length === file.bytes && createHash("sha256").update(content).digest("hex") === file.sha256;
}
