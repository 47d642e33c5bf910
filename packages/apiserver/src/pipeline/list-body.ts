/**
 * A list as bytes, piece by piece, in whatever representation was negotiated: nothing of it is made before somebody takes it, so
 * that a client that does not take it costs no memory. An empty piece says that work was done, and that others may have their
 * turn before it goes on.
 */
import { isStoredShape } from '@timonier/api';
import { formatYaml } from '@timonier/api/yaml-text';
import type { StoredObject } from '../storage/stored-object.ts';
import { viewOf } from '../storage/views.ts';
import type { EncodeOptions } from './encode.ts';
import { type ListForm, type ListMeta, listFormOf } from './list-form.ts';
import { protobufList } from './protobuf-list.ts';

export interface ListBody {
  /** Bytes of all pieces, where that is known before they are made. */
  readonly length: number | undefined;
  readonly pieces: Iterable<Buffer>;
}

/** A piece has no more bytes than that and one item. */
const pieceBytes = 256 * 1024;
/** Stored bytes that are read and encoded before others may have their turn. */
const turnBytes = 64 * 1024;

const comma = Buffer.from(',');
const nothing = Buffer.alloc(0);

/**
 * `items` as they are stored; what is shown of each is made when it is written. Undefined when `isOver` said meanwhile that the client
 * has gone.
 */
export async function listBody(
  items: readonly StoredObject[],
  meta: ListMeta,
  options: EncodeOptions,
  isOver: () => boolean,
): Promise<ListBody | undefined> {
  const { info, representation } = options;
  if (representation.media === 'protobuf') {
    const parts = await protobufList(items, meta, info, representation, isOver);
    if (parts === undefined) return undefined;
    const item = (stored: StoredObject, i: number): readonly Buffer[] => [parts.item(stored, i)];
    return { length: parts.length, pieces: inPieces(parts.start, items, item, parts.end) };
  }
  return { length: undefined, pieces: textPieces(items, listFormOf(meta, options), options) };
}

function textPieces(
  items: readonly StoredObject[],
  form: ListForm,
  { info, representation }: EncodeOptions,
): Iterable<Buffer> {
  const { head, name } = form;
  const treeOf = (stored: StoredObject): object => form.tree(viewOf(info, stored));
  if (representation.media === 'yaml') {
    const key = `${name}:`;
    const item = (stored: StoredObject): readonly Buffer[] => [
      Buffer.from(formatYaml({ [name]: [treeOf(stored)] }).slice(key.length + 1)),
    ];
    return framed(items, item, formatYaml({ ...head, [name]: [] }), `\n${key} []\n`, `\n${key}\n`, '');
  }
  if (representation.pretty) {
    const item = (stored: StoredObject, i: number): readonly Buffer[] => [
      Buffer.from(
        `${i === 0 ? '' : ','}\n${JSON.stringify(treeOf(stored), null, 2)}`.replaceAll('\n', '\n    '),
      ),
    ];
    const frame = `${JSON.stringify({ ...head, [name]: [] }, null, 2)}\n`;
    return framed(items, item, frame, `  "${name}": []\n`, `  "${name}": [`, '\n  ]\n');
  }
  const item = (stored: StoredObject, i: number): readonly Buffer[] => {
    const parts = form.parts(viewOf(info, stored));
    return i === 0 ? parts : [comma, ...parts];
  };
  const frame = JSON.stringify({ ...head, [name]: [] });
  return framed(
    items,
    item,
    frame,
    '[]}',
    '[',
    ']}',
    form.readsWhole || !isStoredShape(info) ? turnBytes : Infinity,
  );
}

/**
 * The frame is the list without items. Where it says at its last `mark` that there are none, the items come, between `opening` and
 * `closing`.
 */
function framed(
  items: readonly StoredObject[],
  item: (stored: StoredObject, index: number) => readonly Buffer[],
  frame: string,
  mark: string,
  opening: string,
  closing: string,
  turn = turnBytes,
): Iterable<Buffer> {
  if (items.length === 0) return [Buffer.from(frame)];
  const at = frame.lastIndexOf(mark);
  const start = Buffer.from(frame.slice(0, at) + opening);
  return inPieces(start, items, item, Buffer.from(closing + frame.slice(at + mark.length)), turn);
}

function* inPieces(
  start: Buffer,
  items: readonly StoredObject[],
  item: (stored: StoredObject, index: number) => readonly Buffer[],
  end: Buffer,
  turn = turnBytes,
): Generator<Buffer> {
  let parts: Buffer[] = [start];
  let size = start.length;
  let read = 0;
  for (const [i, stored] of items.entries()) {
    for (const part of item(stored, i)) {
      parts.push(part);
      size += part.length;
    }
    read += stored.json.length;
    if (size >= pieceBytes) {
      yield Buffer.concat(parts, size);
      parts = [];
      size = read = 0;
    } else if (read >= turn) {
      yield nothing;
      read = 0;
    }
  }
  parts.push(end);
  yield Buffer.concat(parts, size + end.length);
}
