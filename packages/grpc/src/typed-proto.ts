/**
 * Turns one service of a `.proto` file into a grpc-js service definition whose decoded messages are plain objects:
 * camel-case names, enumerations as names, 64-bit numbers as `number`, and no property for an absent message.
 */
import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const protoFolder = fileURLToPath(new URL('../../../proto/', import.meta.url));
const roots = new Map<string, protobuf.Root>();

export function loadProto(file: string, service: string): ServiceDefinition {
  let root = roots.get(file);
  if (root === undefined) {
    root = new protobuf.Root();
    root.loadSync(`${protoFolder}${file}`);
    root.resolveAll();
    roots.set(file, root);
  }
  const found = root.lookupService(service);
  const definition: { -readonly [K in keyof ServiceDefinition]: ServiceDefinition[K] } = {};
  for (const method of found.methodsArray) {
    const request = codec(found.root.lookupType(qualified(method.requestType, found)));
    const response = codec(found.root.lookupType(qualified(method.responseType, found)));
    definition[method.name] = {
      path: `/${service}/${method.name}`,
      requestStream: method.requestStream === true,
      responseStream: method.responseStream === true,
      requestSerialize: request.encode,
      requestDeserialize: request.decode,
      responseSerialize: response.encode,
      responseDeserialize: response.decode,
      originalName: method.name.charAt(0).toLowerCase() + method.name.slice(1),
    };
  }
  return definition;
}

function qualified(type: string, service: protobuf.Service): string {
  return type.includes('.') ? type : `${service.parent?.fullName.replace(/^\./, '') ?? ''}.${type}`;
}

function codec(type: protobuf.Type): {
  encode: (value: unknown) => Buffer;
  decode: (bytes: Buffer) => unknown;
} {
  return {
    encode: (value) => {
      const bytes = type.encode(type.fromObject(value as Record<string, unknown>)).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    decode: (bytes) =>
      withoutNulls(
        type.toObject(type.decode(bytes), {
          longs: Number,
          enums: String,
          bytes: Buffer,
          defaults: true,
          arrays: true,
          objects: true,
        }),
      ),
  };
}

/** An absent message comes as null; here it is an absent property. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) {
    for (const element of value) withoutNulls(element);
  } else if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) {
    const record = value as Record<string, unknown>;
    for (const [key, field] of Object.entries(record)) {
      if (field === null) delete record[key];
      else if (typeof field === 'object') withoutNulls(field);
    }
  }
  return value;
}
