/** A value does not fit its schema; the message names the place. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  /** The same as upstream says it of a tree that a strategic patch made, which it does not read as JSON. */
  readonly ofTree: string;

  constructor(message: string, ofTree: string = message) {
    super(message);
    this.ofTree = ofTree;
  }
}
