/**
 * A list in protobuf, which says how long it is before it begins. Every item is made once for its length, which its stored object
 * keeps, and once more when it is taken; short lists are kept meanwhile and made once.
 */
import { setImmediate } from 'node:timers/promises';
import { apiVersionOf, type ResourceInfo } from '@timonier/api';
import { envelopeEnd, envelopeStart, protobufListOf } from '@timonier/api/protobuf';
import type { Representation } from '../http/media.ts';
import type { StoredObject } from '../storage/stored-object.ts';
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

export async function protobufList(
  items: readonly StoredObject[],
  meta: ListMeta,
  info: ResourceInfo,
  { form, metaVersion }: Representation,
): Promise<ProtobufListParts> {
  const isPartial = form === 'metadata';
  const apiVersion = isPartial ? `meta.k8s.io/${metaVersion}` : apiVersionOf(info);
  const kind = isPartial ? 'PartialObjectMetadataList' : info.listKind;
  const list = protobufListOf(apiVersion, kind);
  const encode = (stored: StoredObject): Buffer =>
    list.item(isPartial ? { metadata: stored.metadata() } : stored.object());
  const memo = isPartial ? 'protobufMetadataBytes' : 'protobufBytes';

  const kept = new Map<number, Buffer>();
  let left = keptBytes;
  const head = list.head(meta);
  let bytes = head.length;
  let since = performance.now();
  for (const [i, stored] of items.entries()) {
    if (stored[memo] === 0) {
      const encoded = encode(stored);
      stored[memo] = encoded.length;
      left -= encoded.length;
      if (left >= 0) kept.set(i, encoded);
      if (performance.now() - since >= turnMs) {
        await setImmediate();
        since = performance.now();
      }
    }
    bytes += stored[memo];
  }
  const envelope = envelopeStart(apiVersion, kind, bytes);
  return {
    start: Buffer.concat([envelope, head]),
    length: envelope.length + bytes + envelopeEnd.length,
    item: (stored, index) => {
      const encoded = kept.get(index) ?? encode(stored);
      if (encoded.length !== stored[memo])
        throw new Error(`${stored.key} has ${encoded.length} bytes in protobuf, not ${stored[memo]}`);
      return encoded;
    },
    end: envelopeEnd,
  };
}
