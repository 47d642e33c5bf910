/** A broken promise inside the group: this member must stop, because going on could lose committed entries. */
export class RaftInvariantError extends Error {
  constructor(message: string) {
    super(`raft invariant broken: ${message}`);
    this.name = 'RaftInvariantError';
  }
}

/** Checked in production too; the message carries the values, and is only built on failure. */
export function invariant(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new RaftInvariantError(message());
}
