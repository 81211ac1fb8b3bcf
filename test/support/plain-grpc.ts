/** The parameter service as a stranger would use it: @grpc/grpc-js and generated messages, nothing of our own. */
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  Client,
  credentials,
  Metadata,
  type ClientDuplexStream,
  type MethodDefinition,
  type StatusObject,
} from "@grpc/grpc-js";
import { ParameterRequestSchema, ParameterResponseSchema, ParameterServer } from "@shoal/protocol";

export type PlainRequest = MessageInitShape<typeof ParameterRequestSchema>;
export type PlainResponse = MessageShape<typeof ParameterResponseSchema>;

const encode =
  <D extends DescMessage>(schema: D) =>
  (message: MessageShape<D>): Buffer =>
    Buffer.from(toBinary(schema, message));
const decode =
  <D extends DescMessage>(schema: D) =>
  (bytes: Buffer): MessageShape<D> =>
    fromBinary(schema, bytes);

type RequestMessage = MessageShape<typeof ParameterRequestSchema>;

/** Made from the generated descriptor, as any adapter does it. */
export const plainDefinition: Record<string, MethodDefinition<RequestMessage, PlainResponse>> = Object.fromEntries(
  ParameterServer.methods.map((method) => [
    method.name,
    {
      path: `/${ParameterServer.typeName}/${method.name}`,
      requestStream: true,
      responseStream: true,
      requestSerialize: encode(ParameterRequestSchema),
      requestDeserialize: decode(ParameterRequestSchema),
      responseSerialize: encode(ParameterResponseSchema),
      responseDeserialize: decode(ParameterResponseSchema),
    },
  ]),
);

export interface PlainCall {
  send(request: PlainRequest): void;
  /** The next response; rejects when the call ends first. */
  next(): Promise<PlainResponse>;
  /** Says that nothing more comes. */
  end(): void;
  cancel(): void;
  readonly status: Promise<StatusObject>;
}

export interface PlainClient {
  call(method: string, metadata?: Readonly<Record<string, string>>): PlainCall;
  close(): void;
}

export function createPlainClient(endpoint: string): PlainClient {
  const client = new Client(endpoint, credentials.createInsecure());
  return {
    call(method, values = {}) {
      const metadata = new Metadata();
      for (const [key, value] of Object.entries(values)) metadata.set(key, value);
      const path = `/${ParameterServer.typeName}/${method}`;
      return wrap(
        client.makeBidiStreamRequest(path, encode(ParameterRequestSchema), decode(ParameterResponseSchema), metadata),
      );
    },
    close: () => client.close(),
  };
}

function wrap(call: ClientDuplexStream<MessageShape<typeof ParameterRequestSchema>, PlainResponse>): PlainCall {
  const arrived: PlainResponse[] = [];
  const waiting: { resolve: (response: PlainResponse) => void; reject: (error: Error) => void }[] = [];
  const { promise: status, resolve } = Promise.withResolvers<StatusObject>();
  call.on("data", (response: PlainResponse) => {
    const first = waiting.shift();
    if (first === undefined) arrived.push(response);
    else first.resolve(response);
  });
  call.on("error", () => undefined);
  call.on("status", (ended: StatusObject) => {
    resolve(ended);
    for (const { reject } of waiting.splice(0)) reject(new Error(`status ${ended.code}: ${ended.details}`));
  });
  return {
    send: (request) => void call.write(create(ParameterRequestSchema, request)),
    next() {
      const first = arrived.shift();
      if (first !== undefined) return Promise.resolve(first);
      return new Promise((take, reject) => waiting.push({ resolve: take, reject }));
    },
    end: () => call.end(),
    cancel: () => call.cancel(),
    status,
  };
}

/** Float32 values as the wire has them. */
export function bytesOf(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** And back. */
export function floatsOf(bytes: Uint8Array): number[] {
  return Array.from(new Float32Array(Uint8Array.from(bytes).buffer));
}
