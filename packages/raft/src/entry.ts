/** What the log is made of, and who shares it. */

/** A member's id in hex, such as "8e9e05c52164694d". */
export type NodeId = string;

export type EntryType = 'normal' | 'config' | 'noop';

export interface Entry {
  readonly term: number;
  /** Position in the log; the first entry ever has index 1. */
  readonly index: number;
  /** `config`: data is `encodeConfiguration(...)`. `noop`: empty, written by a new leader, nothing to apply. */
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** Who belongs to the group. */
export interface Configuration {
  readonly voters: readonly NodeId[];
  /** Receive the log, neither vote nor count. */
  readonly learners: readonly NodeId[];
  /** Those of the two above that keep the log and no state: README.md says what follows. Absent when there is none. */
  readonly witnesses?: readonly NodeId[];
}
