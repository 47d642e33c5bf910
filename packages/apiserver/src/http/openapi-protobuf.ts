/**
 * The OpenAPI v2 document in the protobuf form of `openapi.v2` (gnostic), which older code paths of kubectl and helm
 * ask for and do not fall back from. What those read is written: definitions, and of paths the operations with their
 * parameters and extensions; the rest of a document is for people and stays in its JSON form.
 */
import { Writer } from '@timonier/api/protobuf/wire';

/** Media types under which clients ask for this form; answers carry the second. */
export const openapiV2ProtobufTypes: readonly string[] = [
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
];

type Fields = Readonly<Record<string, unknown>>;

const varintType = 0;
const methodNumbers = { get: 2, put: 3, post: 4, delete: 5, options: 6, head: 7, patch: 8 } as const;

export function encodeOpenApiV2(document: Fields): Buffer {
  const writer = new Writer();
  writer.string(1, text(document['swagger']));
  const info = fields(document['info']);
  writer.message(2, () => {
    writer.string(1, text(info['title']));
    writer.string(2, text(info['version']));
  });
  writer.message(8, () => {
    for (const [path, item] of Object.entries(fields(document['paths'])))
      writer.message(2, () => {
        writer.string(1, path);
        writer.message(2, () => writePathItem(writer, fields(item)));
      });
  });
  writer.message(9, () => writeSchemas(writer, fields(document['definitions'])));
  return writer.finish();
}

function writePathItem(writer: Writer, item: Fields): void {
  for (const [method, number] of Object.entries(methodNumbers)) {
    if (item[method] === undefined) continue;
    writer.message(number, () => writeOperation(writer, fields(item[method])));
  }
  writeParameters(writer, 9, item['parameters']);
}

function writeOperation(writer: Writer, operation: Fields): void {
  if (operation['operationId'] !== undefined) writer.string(5, text(operation['operationId']));
  for (const type of list(operation['produces'])) writer.string(6, text(type));
  for (const type of list(operation['consumes'])) writer.string(7, text(type));
  writeParameters(writer, 8, operation['parameters']);
  writeExtensions(writer, 13, operation);
}

/** Body parameters are one kind, path and query parameters two kinds of the other. */
function writeParameters(writer: Writer, field: number, parameters: unknown): void {
  for (const parameter of list(parameters).map(fields)) {
    const place = text(parameter['in']);
    const required = parameter['required'] === true;
    if (place !== 'body' && place !== 'query' && place !== 'path') continue;
    writer.message(field, () =>
      writer.message(1, () => {
        if (place === 'body')
          writer.message(1, () => {
            writer.string(2, text(parameter['name']));
            writer.string(3, place);
            writeFlag(writer, 4, required);
            writer.message(5, () => writeSchema(writer, fields(parameter['schema'])));
          });
        else
          writer.message(2, () =>
            writer.message(place === 'query' ? 3 : 4, () => {
              writeFlag(writer, 1, required);
              writer.string(2, place);
              writer.string(4, text(parameter['name']));
              writer.string(place === 'query' ? 6 : 5, text(parameter['type']));
            }),
          );
      }),
    );
  }
}

function writeSchemas(writer: Writer, schemas: Fields): void {
  for (const [name, schema] of Object.entries(schemas))
    writer.message(1, () => {
      writer.string(1, name);
      writer.message(2, () => writeSchema(writer, fields(schema)));
    });
}

function writeSchema(writer: Writer, schema: Fields): void {
  for (const [name, number] of [
    ['$ref', 1],
    ['format', 2],
    ['title', 3],
    ['description', 4],
  ] as const)
    if (typeof schema[name] === 'string') writer.string(number, schema[name]);
  for (const name of list(schema['required'])) writer.string(19, text(name));
  const more = schema['additionalProperties'];
  if (more !== undefined)
    writer.message(21, () => {
      if (typeof more === 'boolean') writeFlag(writer, 2, more);
      else writer.message(1, () => writeSchema(writer, fields(more)));
    });
  const types = typeof schema['type'] === 'string' ? [schema['type']] : list(schema['type']);
  if (types.length > 0)
    writer.message(22, () => {
      for (const type of types) writer.string(1, text(type));
    });
  if (schema['items'] !== undefined)
    writer.message(23, () => writer.message(1, () => writeSchema(writer, fields(schema['items']))));
  for (const part of list(schema['allOf'])) writer.message(24, () => writeSchema(writer, fields(part)));
  if (schema['properties'] !== undefined)
    writer.message(25, () => writeSchemas(writer, fields(schema['properties'])));
  writeExtensions(writer, 31, schema);
}

/** Extensions are named values in YAML, of which JSON is a part. */
function writeExtensions(writer: Writer, field: number, source: Fields): void {
  for (const [name, value] of Object.entries(source)) {
    if (!name.startsWith('x-')) continue;
    writer.message(field, () => {
      writer.string(1, name);
      writer.message(2, () => writer.string(2, JSON.stringify(value)));
    });
  }
}

function writeFlag(writer: Writer, field: number, value: boolean): void {
  if (!value) return;
  writer.tag(field, varintType);
  writer.varint(1);
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
