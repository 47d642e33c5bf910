/**
 * The bytes that codecs are at work on: one writer and one reader for all of them, so that the functions compiled for a
 * message type need not be handed any.
 */
import { BackwardWriter, WireReader } from './wire.ts';

export const writer = new BackwardWriter();
export let reader = new WireReader(Buffer.alloc(0));

/** Reads from `next` from now on. Returns what was read before. */
export function readFrom(next: WireReader): WireReader {
  const before = reader;
  reader = next;
  return before;
}
