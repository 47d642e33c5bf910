/** Pieces of a snapshot on their way to a client, encoded without copying them. */
import { loadMessage } from '@timonier/grpc';
import { idFields } from '../codecs.ts';
import type { ResponseHeader } from '../types.ts';

export interface SnapshotResponse {
  readonly header: ResponseHeader;
  /** What is still to come behind this piece. */
  readonly remainingBytes: number;
  readonly blob: Buffer;
  readonly version: string;
}

const codec = loadMessage<SnapshotResponse>('etcd/rpc.proto', 'etcdserverpb.SnapshotResponse', {
  bigintFields: idFields,
});
/** Field 3, of bytes. */
const blobTag = 0x1a;
const noBlob = Buffer.alloc(0);

/**
 * The bytes of a response around its blob, which stays where it is: everything else is put into the `room` bytes of memory
 * before it. Fields may come in any order. Undefined when that is too little.
 */
export function encodedInPlace(response: SnapshotResponse, room: number): Buffer | undefined {
  const { blob } = response;
  const others = codec.encode({ ...response, blob: noBlob });
  const length: number[] = [];
  for (let rest = blob.length; rest > 0 || length.length === 0; rest >>>= 7)
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  const front = others.length + 1 + length.length;
  if (front > room) return undefined;
  const message = Buffer.from(blob.buffer, blob.byteOffset - front, front + blob.length);
  others.copy(message);
  message.set([blobTag, ...length], others.length);
  return message;
}
