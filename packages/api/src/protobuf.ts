/**
 * Kubernetes protobuf for every kind of the table. In: enveloped bytes or objects in normal form. Out: the other.
 * Kinds are found by `apiVersion` and `kind`; lists and the meta kinds (Status, DeleteOptions, ...) are known too.
 */
import type { ApiObject } from './object.ts';
import { envelopeEnd, envelopeStart, openEnvelope, watchFrame } from './protobuf/envelope.ts';
import { messageFromJson } from './protobuf/from-json.ts';
import { ProtobufList } from './protobuf/list.ts';
import { readMessage } from './protobuf/message-reader.ts';
import { writeMessage } from './protobuf/message-writer.ts';
import { planOf } from './protobuf/plan.ts';
import { ProtobufError, Reader, Writer } from './protobuf/wire.ts';
import { splitApiVersion } from './registry.ts';
import { messageNames, messageSchema, type Schema } from './schema.ts';

export { envelopeEnd, envelopeStart } from './protobuf/envelope.ts';
export type { ProtobufList } from './protobuf/list.ts';
export { ProtobufError } from './protobuf/wire.ts';

export interface DecodedProtobuf {
  readonly apiVersion: string;
  readonly kind: string;
  readonly object: ApiObject;
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
/** The one kind of an older version of `meta.k8s.io` that is another message there. */
const olderList = {
  apiVersion: 'meta.k8s.io/v1beta1',
  kind: 'PartialObjectMetadataList',
  message: 'io.k8s.apimachinery.pkg.apis.meta.v1beta1.PartialObjectMetadataList',
};
let kinds: Map<string, string> | undefined;

/** Packages of the table whose public name does not follow from the API group alone. */
function groupOf(message: string): string | undefined {
  const match =
    /^io\.k8s\.(?:api|(?:apiextensions-apiserver|kube-aggregator)\.pkg\.apis)\.(\w+)\.(v\w+)\.\w+$/.exec(
      message,
    );
  if (match === null) return undefined;
  const dotted: Readonly<Record<string, string>> = {
    core: '',
    apps: 'apps',
    autoscaling: 'autoscaling',
    batch: 'batch',
    policy: 'policy',
    rbac: 'rbac.authorization.k8s.io',
    flowcontrol: 'flowcontrol.apiserver.k8s.io',
  };
  const name = match[1] ?? '';
  return `${dotted[name] ?? `${name}.k8s.io`}/${match[2]}`;
}

let metaKinds: Set<string> | undefined;

/** Whether a message of `meta/v1` is a kind of its own, such as Status, and not a part of others. */
function isMetaKind(name: string): boolean {
  metaKinds ??= new Set(messageNames().filter((m) => m.startsWith(META) && messageSchema(m).typeMeta));
  return metaKinds.has(name);
}

/** The schema of a kind by its `apiVersion`; kinds of `meta/v1` are known under every group. */
export function schemaOfKind(apiVersion: string, kind: string): Schema | undefined {
  if (kinds === undefined) {
    kinds = new Map();
    for (const message of messageNames()) {
      const short = message.split('.').at(-1) ?? '';
      const group = groupOf(message);
      if (group !== undefined) kinds.set(`${group}/${short}`, message);
    }
  }
  const type = splitApiVersion(apiVersion);
  if (type === undefined) return undefined;
  if (apiVersion === olderList.apiVersion && kind === olderList.kind) return messageSchema(olderList.message);
  const found = kinds.get(`${type.group}/${type.version}/${kind}`);
  const name = found ?? `${META}${kind}`;
  if (found === undefined && !isMetaKind(name)) return undefined;
  return messageSchema(name);
}

function schemaOfAnswer(apiVersion: string, kind: string): Schema | undefined {
  const isBare = apiVersion === '' && isMetaKind(`${META}${kind}`);
  return isBare ? messageSchema(`${META}${kind}`) : schemaOfKind(apiVersion, kind);
}

/** Takes an enveloped object apart. Throws a `ProtobufError` on anything that is not one of a known kind. */
export function decodeProtobuf(bytes: Uint8Array): DecodedProtobuf {
  return decoded(bytes, schemaOfKind);
}

/** The same for what a server answers: that may be older than versions, as the list of them is. */
export function decodeProtobufAnswer(bytes: Uint8Array): DecodedProtobuf {
  return decoded(bytes, schemaOfAnswer);
}

function decoded(bytes: Uint8Array, schemaFor: typeof schemaOfKind): DecodedProtobuf {
  const envelope = openEnvelope(bytes);
  if (envelope === undefined) {
    throw new ProtobufError(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  }
  const { apiVersion, kind, raw } = envelope;
  const schema = schemaFor(apiVersion, kind);
  if (schema === undefined) {
    throw new ProtobufError(`no kind "${kind}" is registered for version "${apiVersion}"`);
  }
  const fields = readMessage(new Reader(raw), schema);
  const object: ApiObject = { kind, apiVersion, ...fields };
  return { apiVersion, kind, object };
}

/**
 * Encodes an object whose `kind` is set, and whose `apiVersion` is unless it is older than versions, as the lists of the
 * core group's resources. Values are in normal form. Throws a `ProtobufError` for kinds outside the table: they have no
 * protobuf.
 */
export function encodeProtobuf(object: ApiObject): Buffer {
  const { apiVersion = '', kind = '' } = object;
  const schema = schemaOfAnswer(apiVersion, kind);
  if (schema === undefined || schema.kind !== 'object') {
    throw new ProtobufError(`no protobuf for "${kind}" in version "${apiVersion}"`);
  }
  const writer = new Writer();
  writeMessage(writer, schema, object);
  return enveloped(apiVersion, kind, writer.finish());
}

function enveloped(apiVersion: string, kind: string, message: Buffer): Buffer {
  return Buffer.concat([envelopeStart(apiVersion, kind, message.length), message, envelopeEnd]);
}

/** A type, and the object in whose text it is looked for. */
export interface TypedJson {
  readonly json: Uint8Array;
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * What `encodeProtobuf` makes of an object, from its JSON as `JSON.stringify` writes it. Undefined for a text that has another type or is
 * in another form: it is to be parsed.
 */
export function encodeProtobufJson({ json, apiVersion, kind }: TypedJson): Buffer | undefined {
  const schema = schemaOfKind(apiVersion, kind);
  if (schema?.kind !== 'object' || !schema.typeMeta) return undefined;
  const type = { kind: Buffer.from(kind), apiVersion: Buffer.from(apiVersion) };
  const message = messageFromJson({ json, start: 0, isWhole: true, type }, planOf(schema));
  return message === undefined ? undefined : enveloped(apiVersion, kind, message);
}

/** The same of the object's metadata, as a PartialObjectMetadata of this version of `meta.k8s.io`. */
export function encodeProtobufMetadata(
  { json, apiVersion, kind }: TypedJson,
  metaApiVersion: string,
): Buffer | undefined {
  const partial = 'PartialObjectMetadata';
  const type = { kind: Buffer.from(kind), apiVersion: Buffer.from(apiVersion) };
  const message = messageFromJson(
    { json, start: 0, isWhole: true, type },
    planOf(messageSchema(META + partial)),
  );
  return message === undefined ? undefined : enveloped(metaApiVersion, partial, message);
}

/** The parts of a list, without its envelope. Throws a `ProtobufError` for kinds that are no list. */
export function protobufListOf(apiVersion: string, kind: string): ProtobufList {
  return new ProtobufList(schemaOfKind(apiVersion, kind));
}

/** One frame of a protobuf watch stream. */
export function encodeProtobufWatchEvent(type: string, object: ApiObject): Buffer {
  return protobufWatchFrame(type, encodeProtobuf(object));
}

/** The same for an object that is encoded already. */
export function protobufWatchFrame(type: string, encoded: Uint8Array): Buffer {
  return watchFrame(type, encoded);
}
