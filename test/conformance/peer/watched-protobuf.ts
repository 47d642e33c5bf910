/** The events of a watch in protobuf: frames of a length and an event, whose object is in an envelope of its own. */
import { decodeProtobuf } from '@timonier/api/protobuf';
import { Reader } from '@timonier/api/protobuf/wire';

const lengthBytes = 4;

export interface WatchedEvent {
  readonly type: string;
  readonly object: unknown;
}

/** Whole events; one that was cut off by the end is left out. Throws a `ProtobufError` for anything else. */
export function watchedProtobuf(bytes: Buffer): readonly WatchedEvent[] {
  const events: WatchedEvent[] = [];
  for (let at = 0; at + lengthBytes <= bytes.length;) {
    const end = at + lengthBytes + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    events.push(eventOf(bytes.subarray(at + lengthBytes, end)));
    at = end;
  }
  return events;
}

function eventOf(bytes: Buffer): WatchedEvent {
  const reader = new Reader(bytes);
  let type = '';
  let object: unknown;
  while (!reader.done) {
    const tag = reader.small();
    if (tag >>> 3 === 1) type = reader.string();
    else if (tag >>> 3 === 2) object = rawOf(reader.message());
    else reader.skip(tag & 7);
  }
  return { type, object };
}

function rawOf(reader: Reader): unknown {
  let object: unknown;
  while (!reader.done) {
    const tag = reader.small();
    if (tag >>> 3 === 1) ({ object } = decodeProtobuf(reader.bytes()));
    else reader.skip(tag & 7);
  }
  return object;
}
