/** Protobuf that is small and becomes large, written byte by byte: what no encoder would make. */

/** A pod or another kind of `v1` whose spec has `count` empty messages in its field `field`. */
export function repeated(kind: string, field: number, count: number): Buffer {
  return envelope('v1', kind, bytesField(2, Buffer.alloc(2 * count, Buffer.from([(field << 3) | 2, 0]))));
}

/** A CustomResourceDefinition whose one schema is `not` a schema that is `not` a schema, and so on. */
export function nestedSchemas(depth: number): Buffer {
  const not = 28;
  const parts: Buffer[] = [];
  let length = 0;
  for (let i = 0; i < depth; i++) {
    const head = Buffer.concat([varint((not << 3) | 2), varint(length)]);
    parts.push(head);
    length += head.length;
  }
  const schema = Buffer.concat(parts.reverse());
  // spec.versions[0].schema.openAPIV3Schema
  const spec = bytesField(7, bytesField(4, bytesField(1, schema)));
  return envelope('apiextensions.k8s.io/v1', 'CustomResourceDefinition', bytesField(2, spec));
}

function envelope(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const type = Buffer.concat([bytesField(1, Buffer.from(apiVersion)), bytesField(2, Buffer.from(kind))]);
  return Buffer.concat([Buffer.from('k8s\0'), bytesField(1, type), bytesField(2, raw)]);
}

function bytesField(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
}

export function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    out.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  out.push(rest);
  return Buffer.from(out);
}
