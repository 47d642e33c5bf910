/**
 * A list in protobuf, which says how long it is before it begins. Every item is made once for its length, which its stored object
 * keeps, and once more when it is taken; short lists are kept meanwhile and made once.
 */
import { setImmediate } from 'node:timers/promises';
import { apiVersionOf, isStoredShape, type ResourceInfo } from '@timonier/api';
import { envelopeEnd, envelopeStart, protobufListOf } from '@timonier/api/protobuf';
import type { Representation } from '../http/media.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { viewOf } from '../storage/views.ts';
import type { ListMeta } from './list-form.ts';

export interface ProtobufListParts {
  readonly start: Buffer;
  /** Of all parts. */
  readonly length: number;
  item(stored: StoredObject, index: number): Buffer;
  readonly end: Buffer;
}

/** How long lengths are found out before others have their turn. */
const turnMs = 5;
/** As much of a list is kept from the finding of its lengths. */
const keptBytes = 512 * 1024;

/** Undefined when `isOver` says that nobody waits for it any more. */
export async function protobufList(
  items: readonly StoredObject[],
  meta: ListMeta,
  info: ResourceInfo,
  { form, metaVersion }: Representation,
  isOver: () => boolean,
): Promise<ProtobufListParts | undefined> {
  const isPartial = form === 'metadata';
  const apiVersion = isPartial ? `meta.k8s.io/${metaVersion}` : apiVersionOf(info);
  const kind = isPartial ? 'PartialObjectMetadataList' : info.listKind;
  const list = protobufListOf(apiVersion, kind);
  const encode = (stored: StoredObject): Buffer => {
    const view = viewOf(info, stored);
    if (isPartial)
      return list.itemOfMetadata(view.json, view.metadataStart()) ?? list.item({ metadata: view.metadata() });
    return list.itemOfJson(view.json) ?? list.item(view.object());
  };
  // In another shape than the stored one it is not the stored object's own.
  const memo = isStoredShape(info) ? (isPartial ? 'protobufMetadataBytes' : 'protobufBytes') : undefined;

  const lengths = new Uint32Array(items.length);
  const kept = new Map<number, Buffer>();
  let left = keptBytes;
  const head = list.head(meta);
  const tail = list.tail(meta);
  let bytes = head.length + tail.length;
  let since = performance.now();
  for (const [i, stored] of items.entries()) {
    let length = memo === undefined ? 0 : stored[memo];
    if (length === 0) {
      const encoded = encode(stored);
      ({ length } = encoded);
      if (memo !== undefined) stored[memo] = length;
      left -= length;
      if (left >= 0) kept.set(i, encoded);
      if (performance.now() - since >= turnMs) {
        await setImmediate();
        if (isOver()) return undefined;
        since = performance.now();
      }
    }
    lengths[i] = length;
    bytes += length;
  }
  const envelope = envelopeStart(apiVersion, kind, bytes);
  return {
    start: Buffer.concat([envelope, head]),
    length: envelope.length + bytes + envelopeEnd.length,
    item: (stored, index) => {
      const encoded = kept.get(index) ?? encode(stored);
      if (encoded.length !== lengths[index])
        throw new Error(`${stored.key} has ${encoded.length} bytes in protobuf, not ${lengths[index]}`);
      return encoded;
    },
    end: Buffer.concat([tail, envelopeEnd]),
  };
}
