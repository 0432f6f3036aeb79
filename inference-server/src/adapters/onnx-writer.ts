/** A part of a protocol-buffers message; https://protobuf.dev/programming-guides/encoding/. */
type Field = Uint8Array;

const utf8 = new TextEncoder();

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.from([...bytes, rest]);
}

const integer = (field: number, value: number): Field => concatenate([varint(field << 3), varint(value)]);
const bytes = (field: number, value: Uint8Array): Field => concatenate([varint((field << 3) | 2), varint(value.length), value]);
const text = (field: number, value: string): Field => bytes(field, utf8.encode(value));
const message = (field: number, ...fields: readonly Field[]): Field => bytes(field, concatenate(fields));
const float = (field: number, value: number): Field =>
  concatenate([varint((field << 3) | 5), new Uint8Array(Float32Array.of(value).buffer)]);

/** Numbers of `onnx.proto` (ONNX IR 8). */
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;
const FLOAT32 = 1;

type Attribute = { readonly float: number } | { readonly int: number } | readonly number[];

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** Where a tensor enters or leaves; without a shape it may have any. */
interface Port {
  readonly name: string;
  readonly shape?: readonly number[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly input: Port;
  readonly output: Port;
  /** In an order in which every input exists before it is used. */
  readonly nodes: readonly OnnxNode[];
  /** Little-endian float32. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Uint8Array }>;
}

/** An ONNX file (IR 8, opset 17) of a graph of float32 tensors. The same graph gives the same bytes. */
export function writeOnnx({ name, input, output, nodes, tensors }: OnnxGraph): Uint8Array {
  const graph = [
    ...nodes.map(node => message(1,
      ...node.inputs.map(source => text(1, source)), text(2, node.output), text(4, node.operator),
      ...Object.entries(node.attributes ?? {}).map(([key, value]) => message(5, text(1, key), ...attribute(value))))),
    text(2, name),
    ...[...tensors].map(([tensor, { shape, data }]) => message(5,
      ...shape.map(n => integer(1, n)), integer(2, FLOAT32), text(8, tensor), bytes(9, data))),
    message(11, ...tensorType(input)),
    message(12, ...tensorType(output)),
  ];
  return concatenate([integer(1, 8), message(7, ...graph), message(8, text(1, ''), integer(2, 17))]);
}

function attribute(value: Attribute): Field[] {
  if ('float' in value) return [float(2, value.float), integer(20, ATTRIBUTE_FLOAT)];
  if ('int' in value) return [integer(3, value.int), integer(20, ATTRIBUTE_INT)];
  return [...value.map(n => integer(8, n)), integer(20, ATTRIBUTE_INTS)];
}

function tensorType({ name, shape }: Port): Field[] {
  const dimensions = shape ? [message(2, ...shape.map(n => message(1, integer(1, n))))] : [];
  return [text(1, name), message(2, message(1, integer(1, FLOAT32), ...dimensions))];
}
