/** The calls that are measured, as bytes. */
export interface Call {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The request message in protobuf. */
  readonly message: Buffer;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function bytesField(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(value.length), value]);
}

function numberField(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function putMessage(key: string, value: Buffer): Buffer {
  return Buffer.concat([bytesField(1, Buffer.from(key)), bytesField(2, value)]);
}

export function put(key: string, value: Buffer): Call {
  return { path: '/etcdserverpb.KV/Put', message: putMessage(key, value) };
}

/** One key. A serializable range is answered from the member's own state, whatever the others know. */
export function range(key: string, serializable: boolean): Call {
  const message = [bytesField(1, Buffer.from(key)), ...(serializable ? [numberField(7, 1)] : [])];
  return { path: '/etcdserverpb.KV/Range', message: Buffer.concat(message) };
}

/** Every key with a prefix that ends in `/`. */
export function rangeOfPrefix(prefix: string): Call {
  const end = `${prefix.slice(0, -1)}0`;
  const message = [bytesField(1, Buffer.from(prefix)), bytesField(2, Buffer.from(end))];
  return { path: '/etcdserverpb.KV/Range', message: Buffer.concat(message) };
}

/** A put if the key exists, which is how every update of a Kubernetes object is written. */
export function putIfThere(key: string, value: Buffer): Call {
  const greater = 1;
  const compare = Buffer.concat([
    numberField(1, greater),
    bytesField(3, Buffer.from(key)),
    numberField(4, 0), // version
  ]);
  const message = [bytesField(1, compare), bytesField(2, bytesField(2, putMessage(key, value)))];
  return { path: '/etcdserverpb.KV/Txn', message: Buffer.concat(message) };
}

/** A watch of one key from now on. */
export function watch(key: string): Call {
  return { path: '/etcdserverpb.Watch/Watch', message: bytesField(1, bytesField(1, Buffer.from(key))) };
}

/** The message alone: a stream carries many. */
export function keepAlive(lease: number): Call {
  return { path: '/etcdserverpb.Lease/LeaseKeepAlive', message: numberField(1, lease) };
}
