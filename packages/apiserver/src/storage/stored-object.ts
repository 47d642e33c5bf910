/**
 * An object as it lies in the store and in the watch cache: bytes, not a tree.
 *
 * Stored form: `j1:-:` and canonical JSON; where encryption is configured, that is sealed in upstream's form, which
 * names the key (`k8s:enc:CIPHER:v1:KEY:`), and never seen here. Canonical JSON carries no resourceVersion: that is
 * the key's mod revision. In memory the resourceVersion is spliced in as the first field of `metadata`, so that an
 * answer in JSON needs no parsing.
 */
import { hasLongNumber, parseJson } from '@timonier/api/json';
import type { ApiObject } from '@timonier/api/decode';
import { canonicalJson } from './canonical.ts';
import type { KeyValue } from './etcd-messages.ts';
import { endOfValue, partsOf, valueAt, type Wanted } from './json-parts.ts';

const plainPrefix = Buffer.from('j1:-:');
/** Never stored: what a value becomes that could not be opened, with the reason. */
const unreadablePrefix = Buffer.from('x1:');
const metadataMark = Buffer.from('"metadata":{');

export type Labels = Readonly<Record<string, string>>;
/** The value of a selectable field. */
export type FieldValues = (name: string) => string;

/** Picks the fields that selectors may ask for out of an object, of which it is given no more than it wants. */
export interface FieldReader {
  readonly wanted: Wanted;
  read(parts: Readonly<Record<string, unknown>>): FieldValues;
}

const noLabels: Labels = {};

export class StoredObject {
  /** The whole key. */
  readonly key: string;
  readonly revision: number;
  readonly createRevision: number;
  /** JSON with resourceVersion. */
  readonly json: Buffer;
  /** What it takes as an item of a list in protobuf, whole and as its metadata only; 0 until somebody found out. */
  protobufBytes = 0;
  protobufMetadataBytes = 0;
  #labels: Labels | undefined;
  #indexed: unknown;
  #indexedBy: readonly string[] | undefined;
  #fields: FieldValues | undefined;
  #fieldsBy: FieldReader | undefined;

  constructor(key: string, json: Buffer, revision: number, createRevision: number) {
    this.key = key;
    this.json = json;
    this.revision = revision;
    this.createRevision = createRevision;
  }

  /** A fresh tree that the caller may change. */
  object(): ApiObject {
    return treeOf(this.json) as ApiObject;
  }

  /** Where its metadata begin. */
  metadataStart(): number {
    return this.json.indexOf(metadataMark) + metadataMark.length - 1;
  }

  /** The bytes of its metadata. */
  metadataJson(): Buffer {
    const start = this.metadataStart();
    return this.json.subarray(start, endOfValue(this.json, start));
  }

  /** A fresh tree of its metadata. */
  metadata(): NonNullable<ApiObject['metadata']> {
    return treeOf(this.metadataJson()) as NonNullable<ApiObject['metadata']>;
  }

  /**
   * Read once, and apart from fields: they stand near the beginning, before what managers own, and most selectors ask for nothing
   * else.
   */
  labels(): Labels {
    this.#labels ??= (valueAt(this.json, this.metadataStart(), ['labels']) as Labels | null) ?? noLabels;
    return this.#labels;
  }

  /** What stands at the path that objects of its kind have an index by: read once, and alone, for it is read of all of them. */
  indexed(path: readonly string[]): unknown {
    if (this.#indexedBy !== path) {
      this.#indexed = valueAt(this.json, 0, path);
      this.#indexedBy = path;
    }
    return this.#indexed;
  }

  /** Selectable fields; read once. */
  fields(reader: FieldReader): FieldValues {
    if (this.#fields === undefined || this.#fieldsBy !== reader) {
      this.#fields = reader.read(partsOf(this.json, reader.wanted));
      this.#fieldsBy = reader;
    }
    return this.#fields;
  }

  /** The last state of a deleted object carries the revision of its deletion. */
  atRevision(revision: number): StoredObject {
    const start = this.json.indexOf(metadataMark) + metadataMark.length;
    const old = Buffer.byteLength(versionField(this.revision));
    const json = Buffer.concat([
      this.json.subarray(0, start),
      Buffer.from(versionField(revision)),
      this.json.subarray(start + old),
    ]);
    const copy = new StoredObject(this.key, json, revision, this.createRevision);
    copy.#labels = this.#labels;
    copy.#indexed = this.#indexed;
    copy.#indexedBy = this.#indexedBy;
    copy.#fields = this.#fields;
    copy.#fieldsBy = this.#fieldsBy;
    return copy;
  }
}

function treeOf(json: Buffer): unknown {
  const text = json.toString('utf8');
  // Only a long number can be an integer that would be rounded; the careful parser is slower, and so is a look at every sign.
  const isCareful = hasLongNumber(text) && /[:[,]-?\d{16}/.test(text);
  return isCareful ? parseJson(text).value : JSON.parse(text);
}

/** The object is there, but what is stored of it cannot be read. */
class UnreadableObject extends Error {
  override readonly name = 'UnreadableObject';
}

export function unreadableValue(reason: string): Buffer {
  return Buffer.concat([unreadablePrefix, Buffer.from(reason)]);
}

/** True for the stored form of an object. */
export function isPlainValue(value: Buffer): boolean {
  return beginsWith(value, plainPrefix);
}

/** True for the note of why a value could not be opened. */
export function isUnreadableValue(value: Buffer): boolean {
  return beginsWith(value, unreadablePrefix);
}

function beginsWith(value: Buffer, prefix: Buffer): boolean {
  return value.length >= prefix.length && value.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}

/** Reads a stored value. Throws when it is in a form this version does not know. */
export function fromStored(
  key: string,
  value: Buffer,
  revision: number,
  createRevision: number,
): StoredObject {
  if (!isPlainValue(value)) {
    if (isUnreadableValue(value)) throw unreadable(key, value.toString('utf8', unreadablePrefix.length));
    throw unreadable(key, 'it is not in a form that this version reads');
  }
  const start = value.indexOf(metadataMark, plainPrefix.length);
  if (start < 0) throw unreadable(key, 'it has no metadata');
  const split = start + metadataMark.length;
  const version = versionField(revision);
  // One copy: the bytes received are a view into a larger network buffer that must not be kept alive. Memory of their own,
  // not a part of one of Node's pools: that would stay as long as any object in it, and objects stay long.
  const json = Buffer.allocUnsafeSlow(value.length - plainPrefix.length + version.length);
  const at = value.copy(json, 0, plainPrefix.length, split);
  json.write(version, at, 'latin1');
  value.copy(json, at + version.length, split);
  return new StoredObject(key, json, revision, createRevision);
}

/** The same, but nothing for an object that cannot be read: the others of a list are there all the same. */
export function readableOf({ key, value, modRevision, createRevision }: KeyValue): StoredObject[] {
  try {
    return [fromStored(key.toString(), value, modRevision, createRevision)];
  } catch (error) {
    if (error instanceof UnreadableObject) return [];
    throw error;
  }
}

function unreadable(key: string, reason: string): UnreadableObject {
  return new UnreadableObject(`unable to transform key ${JSON.stringify(key)}: ${reason}`);
}

/** The stored form of an object; its resourceVersion is left out. Its metadata must have at least a name. */
export function toStored(object: ApiObject): Buffer {
  const json = canonicalJson(object);
  const value = Buffer.allocUnsafe(plainPrefix.length + Buffer.byteLength(json));
  plainPrefix.copy(value);
  value.write(json, plainPrefix.length);
  return value;
}

/** True when `object` says what `stored` says, but for the resourceVersion. */
export function sameContent(object: ApiObject, stored: StoredObject): boolean {
  return isStoredAs(toStored(object), stored);
}

/** True when a stored form is that of `stored`: the same object has the same one, whatever the order of its names was. */
export function isStoredAs(value: Buffer, { json, revision }: StoredObject): boolean {
  const added = versionField(revision).length;
  const length = value.length - plainPrefix.length;
  if (json.length !== length + added) return false;
  const split = json.indexOf(metadataMark) + metadataMark.length;
  return (
    value.compare(json, 0, split, plainPrefix.length, plainPrefix.length + split) === 0 &&
    value.compare(json, split + added, json.length, plainPrefix.length + split) === 0
  );
}

/** What was never stored, such as an object that is rehearsed, has no version. */
function versionField(revision: number): string {
  if (revision === 0) return '';
  return `"resourceVersion":"${revision}",`;
}
