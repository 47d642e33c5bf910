/** Encodes a message that is written to many streams once: one that is frozen cannot have changed since. */
import type { MethodDefinition } from '../proto.ts';

const encodedOf = new WeakMap<object, Buffer>();

/** The bytes of a response, which nobody may change. */
export function encodeResponse({ response }: Pick<MethodDefinition, 'response'>, message: object): Buffer {
  const known = encodedOf.get(message);
  if (known !== undefined) return known;
  const bytes = response.encode(message);
  if (Object.isFrozen(message)) encodedOf.set(message, bytes);
  return bytes;
}
