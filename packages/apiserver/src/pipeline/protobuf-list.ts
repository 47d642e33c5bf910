/**
 * A list in protobuf, which says how long it is before it begins. Every item is made once for its length, which its stored object
 * keeps, and once more when it is taken, but for what is kept meanwhile.
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
/** As much of every list is kept from the finding of its lengths. */
const keptBytes = 512 * 1024;
/** The same of one list, the last one that wanted to: so the first list of many objects makes most of them once. */
const mostKeptBytes = 16 * 1024 * 1024;

/** What has been made of a list before it began, until it is taken. */
class Kept {
  static #largest: WeakRef<Kept> | undefined;
  readonly #items = new Map<number, Buffer>();
  #bytes = 0;

  /** Does nothing for what would be too much. */
  add(index: number, item: Buffer): void {
    const bytes = this.#bytes + item.length;
    if (bytes > mostKeptBytes || (bytes > keptBytes && !this.#isLargest())) return;
    this.#items.set(index, item);
    this.#bytes = bytes;
  }

  /** Whether this is the one that may keep much: it was, or it begins to, and another one keeps nothing any more. */
  #isLargest(): boolean {
    const largest = Kept.#largest?.deref();
    if (largest === this) return true;
    if (this.#bytes > keptBytes) return false;
    largest?.giveUp();
    Kept.#largest = new WeakRef(this);
    return true;
  }

  giveUp(): void {
    this.#items.clear();
  }

  take(index: number): Buffer | undefined {
    const item = this.#items.get(index);
    if (item !== undefined) this.#items.delete(index);
    return item;
  }
}

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
  const kept = new Kept();
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
      kept.add(i, encoded);
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
      const encoded = kept.take(index) ?? encode(stored);
      if (encoded.length !== lengths[index])
        throw new Error(`${stored.key} has ${encoded.length} bytes in protobuf, not ${lengths[index]}`);
      return encoded;
    },
    end: Buffer.concat([tail, envelopeEnd]),
  };
}
