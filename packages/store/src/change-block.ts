/**
 * How contents lie on disk: the changes of one log entry, of all its revisions, as one record under the first of them.
 * A database of small records costs more for each than for its bytes.
 *
 * The bytes are those of `timonier.raft.v1.ChangeSet`, written by hand because every write passes here; a change names
 * its revision, so that a block can be taken apart again.
 */
import { changeSetCodec } from './codecs.ts';
import type { KeyValue } from './types.ts';

/** All changes of one revision, in order. */
export type ChangeSet = readonly KeyValue[];

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let bytes = 5;
  for (let rest = Math.floor(value / 0x8_0000_0000); rest > 0; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

function numberBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value);
}

function bytesBytes(value: Buffer): number {
  return value.length === 0 ? 0 : 1 + varintBytes(value.length) + value.length;
}

function leaseBytes(lease: bigint): number {
  if (lease === 0n) return 0;
  let bytes = 2;
  for (let rest = BigInt.asUintN(64, lease) >> 7n; rest > 0n; rest >>= 7n) bytes += 1;
  return bytes;
}

function changeBytes(change: KeyValue): number {
  return (
    bytesBytes(change.key) +
    numberBytes(change.createRevision) +
    numberBytes(change.modRevision) +
    numberBytes(change.version) +
    bytesBytes(change.value) +
    leaseBytes(change.lease)
  );
}

function writeVarint(out: Buffer, from: number, value: number): number {
  let at = from;
  let rest = value;
  while (rest >= 0x8000_0000) {
    out[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest > 127) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
}

function writeNumber(out: Buffer, from: number, tag: number, value: number): number {
  if (value === 0) return from;
  out[from] = tag;
  return writeVarint(out, from + 1, value);
}

function writeBytes(out: Buffer, from: number, tag: number, value: Buffer): number {
  if (value.length === 0) return from;
  out[from] = tag;
  const at = writeVarint(out, from + 1, value.length);
  out.set(value, at);
  return at + value.length;
}

function writeLease(out: Buffer, from: number, lease: bigint): number {
  if (lease === 0n) return from;
  let at = from;
  out[at++] = 0x30;
  let rest = BigInt.asUintN(64, lease);
  for (; rest > 127n; rest >>= 7n) out[at++] = Number(rest & 127n) | 0x80;
  out[at++] = Number(rest);
  return at;
}

/** One block of the changes of all sets, in order, with so many free bytes behind it in memory. */
export function encodeBlock(sets: readonly ChangeSet[], roomBytes = 0): Buffer {
  const sizes: number[] = [];
  let size = 0;
  for (const set of sets)
    for (const change of set) {
      const bytes = changeBytes(change);
      sizes.push(bytes);
      size += 1 + varintBytes(bytes) + bytes;
    }
  const out = Buffer.allocUnsafeSlow(size + roomBytes);
  let at = 0;
  let n = 0;
  for (const set of sets)
    for (const change of set) {
      out[at++] = 0x0a;
      at = writeVarint(out, at, sizes[n++] ?? 0);
      at = writeBytes(out, at, 0x0a, change.key);
      at = writeNumber(out, at, 0x10, change.createRevision);
      at = writeNumber(out, at, 0x18, change.modRevision);
      at = writeNumber(out, at, 0x20, change.version);
      at = writeBytes(out, at, 0x2a, change.value);
      at = writeLease(out, at, change.lease);
    }
  return out.subarray(0, size);
}

/** The revisions of a block with their changes, ascending. */
export function decodeBlock(bytes: Buffer): [main: number, changes: ChangeSet][] {
  const sets: [number, KeyValue[]][] = [];
  for (const change of changeSetCodec.decode(bytes).changes) {
    const last = sets.at(-1);
    if (last?.[0] === change.modRevision) last[1].push(change);
    else sets.push([change.modRevision, [change]]);
  }
  return sets;
}
