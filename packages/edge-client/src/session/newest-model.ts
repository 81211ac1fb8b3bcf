/** The newest values that a client has, for the program around it: a page that uses the model, a test that compares it. */
import { ShoalError } from "@shoal/errors";
import { exactEncoding, hexOf, personalSpans, sha256, type LastModel, type TaskDescription } from "@shoal/federated";
import { layoutOf, parseModelSpec, type ModelSpec } from "@shoal/models";
import { fetchContent, type FetchRoom } from "./fetch-values.ts";

export interface ModelParameter {
  readonly shape: readonly number[];
  /** The caller's to keep. */
  readonly values: Float32Array;
}

export interface SessionModel {
  /** Updates that are in the values. */
  readonly version: number;
  /** SHA-256 of the float32 values as they lie, of what is here: the same as the aggregator's where they came unharmed. */
  readonly hash: string;
  /** What the values are of, as the task has it. */
  readonly spec: ModelSpec;
  /** By name, as in the model's layout; without layers that stay with clients. */
  readonly parameters: Readonly<Record<string, ModelParameter>>;
}

export interface NewestModel {
  /** @param values - [task.size] float32, kept as they are */
  take(task: TaskDescription, version: number, values: Float32Array): void;
  /** The last values of a task that is over, to the last bit. @throws ShoalError cancelled; codec_failed */
  fetchLast(room: FetchRoom, model: LastModel): Promise<void>;
  /** @throws ShoalError invalid_argument - the task's model is none that this client knows */
  read(): SessionModel | undefined;
}

interface Newest {
  readonly task: TaskDescription;
  readonly version: number;
  readonly values: Float32Array;
}

export function createNewestModel(): NewestModel {
  let newest: Newest | undefined;
  return {
    take(task, version, values) {
      newest = { task, version, values };
    },
    async fetchLast(room, { round, version }) {
      const content = await fetchContent(room, round, exactEncoding);
      const { task } = room;
      const bytes = task.size * Float32Array.BYTES_PER_ELEMENT;
      if (content === undefined) return;
      if (content.length !== bytes) {
        throw new ShoalError("codec_failed", `${content.length} bytes of values, expected ${bytes}`);
      }
      newest = { task, version, values: new Float32Array(content.slice().buffer) };
    },
    read() {
      if (newest === undefined) return undefined;
      const { task, version, values } = newest;
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const spec = parseModelSpec(task.model, "model");
      return { version, hash: hexOf(sha256(bytes)), spec, parameters: parametersOf(spec, task, values) };
    },
  };
}

function parametersOf(spec: ModelSpec, { local }: TaskDescription, values: Float32Array): SessionModel["parameters"] {
  const { segments } = layoutOf(spec);
  const own = new Set(personalSpans(segments, local.personal).map(({ begin }) => begin));
  let at = 0;
  const parameters: Record<string, ModelParameter> = {};
  for (const { name, shape, offset, length } of segments) {
    if (own.has(offset)) continue;
    parameters[name] = { shape, values: values.slice(at, at + length) };
    at += length;
  }
  return parameters;
}
