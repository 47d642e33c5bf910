/** A value does not fit its schema; the message names the place. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}
