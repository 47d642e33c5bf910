/**
 * A change as one watcher sees it, in bytes. What a selector makes of a change: an object that begins to match is
 * added, one that ceases to match is deleted as it last was. Each form of an event is encoded once and shared by all watchers.
 */
import { apiVersionOf, type CustomKind, type ResourceInfo } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { protobufWatchFrame } from '@timonier/api/protobuf';
import { encodeObject, type TableContent } from '../pipeline/encode.ts';
import type { Representation } from '../http/media.ts';
import { StoredObject } from '../storage/stored-object.ts';
import { viewOfAny } from '../storage/views.ts';
import type { CacheEvent } from './cache-event.ts';
import type { Selection } from './selection.ts';

export type WatchType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

export class WatchEncoder {
  readonly #info: ResourceInfo;
  readonly #selection: Selection;
  readonly #representation: Representation;
  readonly #includeObject: TableContent;
  readonly #form: string;
  #tableHeader = true;

  constructor(
    info: ResourceInfo,
    selection: Selection,
    representation: Representation,
    includeObject: TableContent,
  ) {
    this.#info = info;
    this.#selection = selection;
    this.#representation = representation;
    this.#includeObject = includeObject;
    const { media, form, metaVersion } = representation;
    const type = `${apiVersionOf(info)}${shapeOf(info.custom)}`;
    this.#form = `${type} ${media} ${form} ${metaVersion} ${includeObject}`;
  }

  /** The frame of a change, or undefined when this watcher does not see it. */
  change(event: CacheEvent): Buffer | undefined {
    const current = viewOfAny(this.#info, event.current);
    const previous = viewOfAny(this.#info, event.previous);
    const after = current !== undefined && this.#selection.matches(current);
    const before = previous !== undefined && this.#selection.matches(previous);
    if (after) return this.#shared(event, before ? 'MODIFIED' : 'ADDED', current);
    if (!before || previous === undefined) return undefined;
    // The last state that the watcher could see carries the revision of the change that took it away; what a change
    // made of an object that the watcher may not see, it is not told.
    return this.#shared(event, 'DELETED', () => previous.atRevision(event.revision));
  }

  initial(object: StoredObject): Buffer {
    return this.#frame('ADDED', object);
  }

  bookmark(revision: number, endsInitialEvents: boolean): Buffer {
    const object: ApiObject = {
      kind: this.#info.kind,
      apiVersion: apiVersionOf(this.#info),
      metadata: {
        resourceVersion: String(revision),
        ...(endsInitialEvents ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
      },
    };
    return this.#frame('BOOKMARK', object);
  }

  error(status: object): Buffer {
    return this.#frame('ERROR', status as ApiObject);
  }

  #shared(event: CacheEvent, type: WatchType, object: StoredObject | (() => StoredObject)): Buffer {
    // The first table of a watch differs from those that others may share.
    if (this.#representation.form === 'table' && this.#tableHeader) return this.#frame(type, resolve(object));
    const key = `${type} ${this.#form}`;
    let bytes = event.encoded?.get(key);
    if (bytes === undefined) {
      bytes = this.#frame(type, resolve(object));
      event.encoded ??= new Map();
      event.encoded.set(key, bytes);
    }
    return bytes;
  }

  #frame(type: WatchType, object: StoredObject | ApiObject): Buffer {
    const isTable = this.#representation.form === 'table' && type !== 'ERROR';
    const options = {
      info: this.#info,
      representation: { ...this.#representation, pretty: false },
      includeObject: this.#includeObject,
      tableHeader: this.#tableHeader,
    };
    if (isTable) this.#tableHeader = false;
    const encoded = encodeObject(object, options);
    if (this.#representation.media === 'protobuf') return protobufWatchFrame(type, encoded);
    return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), encoded, Buffer.from('}\n')]);
  }
}

const shapes = new WeakMap<CustomKind, string>();
let shapesKnown = 0;

/** Tells what one schema shows from what another one did before it, whose watches are about to end. */
function shapeOf(custom: CustomKind | undefined): string {
  if (custom === undefined) return '';
  let shape = shapes.get(custom);
  if (shape === undefined) shapes.set(custom, (shape = `#${shapesKnown++}`));
  return shape;
}

function resolve(object: StoredObject | (() => StoredObject)): StoredObject {
  return typeof object === 'function' ? object() : object;
}
