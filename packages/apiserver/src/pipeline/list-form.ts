/**
 * What a list looks like in JSON and YAML: the list without its items, and each item by itself. Items that are stored objects,
 * or their metadata, are their stored bytes.
 */
import { apiVersionOf, type ResourceInfo } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { tableHead, tableRow } from '@timonier/api/table';
import type { Representation } from '../http/media.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import type { EncodeOptions } from './encode.ts';

export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface ListForm {
  /** The list without what is called `name`. */
  readonly head: object;
  readonly name: 'items' | 'rows';
  /** An item as it is written for people. */
  tree(item: StoredObject): object;
  /** The same as JSON. */
  parts(item: StoredObject): readonly Buffer[];
  /** Whether `parts` reads all of an object, which takes time. */
  readonly readsWhole: boolean;
}

const metadataStart = Buffer.from('"metadata":{');
const openBrace = Buffer.from('{');
const closeBrace = Buffer.from('}');
const objectMark = Buffer.from(',"object":');

export function listFormOf(meta: ListMeta, options: EncodeOptions): ListForm {
  const { form } = options.representation;
  if (form === 'table') return tableForm(meta, options);
  return form === 'metadata' ? metadataForm(meta, options) : objectForm(meta, options);
}

function objectForm(metadata: ListMeta, { info }: EncodeOptions): ListForm {
  return {
    head: { kind: info.listKind, apiVersion: apiVersionOf(info), metadata },
    name: 'items',
    tree: (item) => itemOf(item.object(), info),
    // In stored form the kind is all before metadata.
    parts: ({ json }) => [
      openBrace,
      json.subarray(saysKind(info) ? openBrace.length : json.indexOf(metadataStart)),
    ],
    readsWhole: false,
  };
}

function metadataForm(metadata: ListMeta, { representation }: EncodeOptions): ListForm {
  const partial = partialOf(representation);
  return {
    head: { kind: 'PartialObjectMetadataList', apiVersion: metaVersionOf(representation), metadata },
    name: 'items',
    ...partial,
    readsWhole: false,
  };
}

function tableForm(metadata: ListMeta, options: EncodeOptions): ListForm {
  const { info, representation, includeObject } = options;
  const now = Date.now();
  const rowOf = (item: StoredObject): object => tableRow(info, item.object(), now);
  const inRow = {
    None: undefined,
    Metadata: partialOf(representation),
    Object: { tree: (item: StoredObject) => item.object(), parts: ({ json }: StoredObject) => [json] },
  }[includeObject];
  return {
    head: tableHead(info, { now, metadata, apiVersion: metaVersionOf(representation) }),
    name: 'rows',
    tree: (item) => ({ ...rowOf(item), object: inRow?.tree(item) ?? null }),
    parts: (item) => {
      if (inRow === undefined) return [Buffer.from(JSON.stringify({ ...rowOf(item), object: null }))];
      const row = JSON.stringify(rowOf(item));
      return [Buffer.from(row.slice(0, -1)), objectMark, ...inRow.parts(item), closeBrace];
    },
    readsWhole: true,
  };
}

/** Objects as their metadata only. */
function partialOf(representation: Representation): Pick<ListForm, 'tree' | 'parts'> {
  const head = { kind: 'PartialObjectMetadata', apiVersion: metaVersionOf(representation) };
  const opening = Buffer.from(`${JSON.stringify(head).slice(0, -1)},"metadata":`);
  return {
    tree: (item) => ({ ...head, metadata: item.metadata() }),
    parts: (item) => [opening, item.metadataJson(), closeBrace],
  };
}

function metaVersionOf({ metaVersion }: Representation): string {
  return `meta.k8s.io/${metaVersion}`;
}

/** Items of a list do not repeat the kind that the list's says; but for those of custom kinds, as upstream. */
function saysKind(info: ResourceInfo): boolean {
  return info.custom !== undefined;
}

export function itemOf(tree: ApiObject, info: ResourceInfo): ApiObject {
  if (saysKind(info)) return tree;
  const { apiVersion: _apiVersion, kind: _kind, ...item } = tree;
  return item;
}
