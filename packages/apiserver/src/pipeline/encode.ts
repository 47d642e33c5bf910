/**
 * Objects to bytes, in the representation that was negotiated: the object itself as JSON, YAML or protobuf, a table
 * of it, or its metadata only. JSON of a stored object is its stored bytes.
 */
import { apiVersionOf, type ResourceInfo } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { encodeProtobuf, encodeProtobufJson, encodeProtobufMetadata } from '@timonier/api/protobuf';
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

export function encodeObject(object: StoredObject | ApiObject, options: EncodeOptions): Buffer {
  const { representation } = options;
  const { form, media, pretty } = representation;
  if (object instanceof StoredObject) {
    if (form === 'object' && media === 'json' && !pretty) return object.json;
    if (media === 'protobuf') {
      const encoded = storedInProtobuf(object, options);
      if (encoded !== undefined) return encoded;
    }
  }
  return encodeTree(objectInForm(object, options), representation);
}

/** From its stored bytes; undefined where it is to be parsed. */
function storedInProtobuf(
  { json }: StoredObject,
  { info, representation }: EncodeOptions,
): Buffer | undefined {
  const { form, metaVersion } = representation;
  const typed = { json, apiVersion: apiVersionOf(info), kind: info.kind };
  if (form === 'object') return encodeProtobufJson(typed);
  return form === 'metadata' ? encodeProtobufMetadata(typed, `meta.k8s.io/${metaVersion}`) : undefined;
}

/** The object as the representation shows it, before it becomes bytes. */
export function objectInForm(object: StoredObject | ApiObject, options: EncodeOptions): ApiObject {
  const { representation } = options;
  const tree = treeOf(object);
  if (representation.form === 'object' || tree.kind === 'Status') return tree;
  if (representation.form === 'metadata') return metadataOnly(tree, representation);
  return tableOf(tree, options);
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

/** What is only rehearsed has none. */
function versionOf({ metadata }: ApiObject): { resourceVersion?: string } {
  return metadata?.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion };
}

function tableOf(
  tree: ApiObject,
  { info, representation, includeObject, tableHeader = true }: EncodeOptions,
): ApiObject {
  return toTable(info, [tree], {
    includeObject,
    now: Date.now(),
    metadata: versionOf(tree),
    columns: tableHeader,
    apiVersion: `meta.k8s.io/${representation.metaVersion}`,
  }) as unknown as ApiObject;
}
