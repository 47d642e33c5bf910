/** In which messages of a WebSocket an answer is told, by what was asked for: a watch or a log. */
import { failure, StatusError } from '@timonier/api/statuses';
import { bad } from '../pipeline/query.ts';

/** What one connection speaks. */
export interface MessageForm {
  /** The subprotocol that the client is told; undefined: none in particular. */
  readonly protocol: string | undefined;
  readonly isText: boolean;
  /** What comes before anything is written. */
  readonly opening: Buffer | undefined;
  /** The message for what is written at once. */
  encode(written: Buffer): Buffer;
}

/** Chooses by the subprotocols that a client offers, in its order, and by the type of the answer. Throws a Status. */
export type ChooseForm = (offered: readonly string[], contentType: string) => MessageForm;

/** Before each event in protobuf; borders of messages say the same. */
const lengthBytes = 4;
const nothing = Buffer.alloc(0);

/** An event each. Any subprotocol is spoken: events are the same in all of them. */
export const eventMessages: ChooseForm = (offered, contentType) => {
  const [protocol, ...others] = offered;
  // As upstream: the client would not know what it is told by the choice.
  if (others.length > 0) throw bad('a watch takes one WebSocket subprotocol at most');
  const isText = !contentType.includes('protobuf');
  return {
    protocol,
    isText,
    opening: undefined,
    encode: (event) => (isText ? event : event.subarray(lengthBytes)),
  };
};

/** Upstream's names for bytes as they are, and for bytes where only text can be shown. */
const binary = 'binary.k8s.io';
const base64 = 'base64.binary.k8s.io';

/** Bytes as they come. As upstream, an empty message tells that the log was opened, which may have nothing to say for long. */
export const byteMessages: ChooseForm = (offered) => {
  const protocol = offered.find((name) => name === binary || name === base64);
  if (protocol === undefined && offered.length > 0) throw unsupported(offered);
  return protocol === base64
    ? { protocol, isText: true, opening: nothing, encode: (bytes) => Buffer.from(bytes.toString('base64')) }
    : { protocol, isText: false, opening: nothing, encode: (bytes) => bytes };
};

function unsupported(offered: readonly string[]): StatusError {
  const text = `requested protocol(s) are not supported: [${offered.join(' ')}]; supports [${binary} ${base64}]`;
  return new StatusError(failure(403, 'Forbidden', text));
}
