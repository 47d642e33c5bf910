/**
 * Objects to bytes, in the representation that was negotiated: the object itself as JSON, YAML or protobuf, a table
 * of it, or its metadata only. JSON of a stored object is its stored bytes.
 */
import { setImmediate } from 'node:timers/promises';
import { apiVersionOf, type ResourceInfo } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { encodeProtobuf, encodeProtobufMessage, sealEnvelope } from '@timonier/api/protobuf';
import { toTable } from '@timonier/api/table';
import { formatYaml } from '@timonier/api/yaml-text';
import type { Representation } from '../http/media.ts';
import { StoredObject } from '../storage/stored-object.ts';

export type TableContent = 'None' | 'Metadata' | 'Object';

export interface EncodeOptions {
  readonly info: ResourceInfo;
  readonly representation: Representation;
  readonly includeObject: TableContent;
  /** False for the second and later tables of a watch. */
  readonly tableHeader?: boolean;
}

/** How many stored bytes of a list are encoded at once, and for how long before others have their turn. */
const sliceBytes = 64 * 1024;
const turnMs = 5;

const metadataStart = Buffer.from('"metadata":{');
const itemStart = Buffer.from('{');

export function encodeObject(object: StoredObject | ApiObject, options: EncodeOptions): Buffer {
  const { representation } = options;
  const { form, media, pretty } = representation;
  if (form === 'object' && media === 'json' && !pretty && object instanceof StoredObject) return object.json;
  return encodeTree(objectInForm(object, options), representation);
}

/** The object as the representation shows it, before it becomes bytes. */
export function objectInForm(object: StoredObject | ApiObject, options: EncodeOptions): ApiObject {
  const { info, representation } = options;
  const tree = treeOf(object);
  if (representation.form === 'object' || tree.kind === 'Status') return tree;
  if (representation.form === 'metadata') return metadataOnly(tree, representation);
  return tableOf(info, [tree], { resourceVersion: tree.metadata?.resourceVersion ?? '' }, options);
}

/** Any tree in the representation's media type. */
export function encodeTree(
  tree: object,
  { media, pretty }: Pick<Representation, 'media' | 'pretty'>,
): Buffer {
  if (media === 'protobuf') return encodeProtobuf(tree as ApiObject);
  if (media === 'yaml') return Buffer.from(formatYaml(tree));
  return Buffer.from(pretty ? `${JSON.stringify(tree, null, 2)}\n` : JSON.stringify(tree));
}

export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** A list whole, for the representations that cannot be streamed. */
export function encodeList(items: readonly StoredObject[], meta: ListMeta, options: EncodeOptions): Buffer {
  const { info, representation } = options;
  const trees = items.map(treeOf);
  let list: object;
  if (representation.form === 'table') list = tableOf(info, trees, meta, options);
  else if (representation.form === 'metadata')
    list = {
      kind: 'PartialObjectMetadataList',
      apiVersion: `meta.k8s.io/${representation.metaVersion}`,
      metadata: meta,
      items: trees.map((tree) => metadataOnly(tree, representation)),
    };
  else
    list = {
      kind: info.listKind,
      apiVersion: apiVersionOf(info),
      metadata: meta,
      items: trees.map((tree) => itemOf(tree, info)),
    };
  return encodeTree(list, representation);
}

/**
 * A list in protobuf, the same bytes as at once, made some items at a time: everybody else has a turn in between, for whom a
 * list of ten thousand pods would be a second of silence.
 */
export async function encodeProtobufList(
  items: readonly StoredObject[],
  meta: ListMeta,
  info: ResourceInfo,
): Promise<Buffer> {
  const [apiVersion, kind] = [apiVersionOf(info), info.listKind];
  const list = (metadata: object, some: readonly StoredObject[]): Buffer =>
    encodeProtobufMessage({
      kind,
      apiVersion,
      metadata,
      items: some.map((item) => itemOf(treeOf(item), info)),
    });
  // What a list says beside its items is said once.
  const { length: bare } = list({}, []);
  const parts = [list(meta, [])];
  let since = performance.now();
  for (const some of slices(items)) {
    parts.push(list({}, some).subarray(bare));
    if (performance.now() - since < turnMs) continue;
    await setImmediate();
    since = performance.now();
  }
  return sealEnvelope(apiVersion, kind, Buffer.concat(parts));
}

function* slices(items: readonly StoredObject[]): Generator<readonly StoredObject[]> {
  let some: StoredObject[] = [];
  let bytes = 0;
  for (const item of items) {
    some.push(item);
    bytes += item.json.length;
    if (bytes < sliceBytes) continue;
    yield some;
    some = [];
    bytes = 0;
  }
  if (some.length > 0) yield some;
}

/** Items of a list do not repeat the kind that the list's says; but for those of custom kinds, as upstream. */
function saysKind(info: ResourceInfo): boolean {
  return info.custom !== undefined;
}

function itemOf(tree: ApiObject, info: ResourceInfo): ApiObject {
  if (saysKind(info)) return tree;
  const { apiVersion: _apiVersion, kind: _kind, ...item } = tree;
  return item;
}

/** A JSON list in chunks of bounded size, made of stored bytes. */
export function* streamList(
  items: readonly StoredObject[],
  meta: ListMeta,
  info: ResourceInfo,
  chunkBytes = 256 * 1024,
): Generator<Buffer> {
  const head = { kind: info.listKind, apiVersion: apiVersionOf(info), metadata: meta };
  let parts: Buffer[] = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`)];
  let size = 0;
  for (const [index, { json }] of items.entries()) {
    // In stored form the kind is all before metadata.
    const rest = json.subarray(saysKind(info) ? itemStart.length : json.indexOf(metadataStart));
    if (index > 0) parts.push(Buffer.from(','));
    parts.push(itemStart, rest);
    size += rest.length + 2;
    if (size < chunkBytes) continue;
    yield Buffer.concat(parts);
    parts = [];
    size = 0;
  }
  parts.push(Buffer.from(']}'));
  yield Buffer.concat(parts);
}

function treeOf(object: StoredObject | ApiObject): ApiObject {
  return object instanceof StoredObject ? object.object() : object;
}

function metadataOnly(tree: ApiObject, { metaVersion }: Representation): ApiObject {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: `meta.k8s.io/${metaVersion}`,
    metadata: tree.metadata ?? {},
  };
}

function tableOf(
  info: ResourceInfo,
  trees: readonly ApiObject[],
  meta: ListMeta,
  { representation, includeObject, tableHeader = true }: EncodeOptions,
): ApiObject {
  return toTable(info, trees, {
    includeObject,
    now: Date.now(),
    metadata: meta,
    columns: tableHeader,
    apiVersion: `meta.k8s.io/${representation.metaVersion}`,
  }) as unknown as ApiObject;
}
