/** What a configuration entry carries beside the configuration: the change it brings, and who asked for it. */
import { decodeChange, encodeChange, type MemberChange } from './change.ts';

export interface ChangeOrigin {
  /** The process that asked, as in EntryBatch. */
  readonly proposer: number;
  readonly id: number;
}

/** A change of who belongs to the group, as the log carries it. */
export interface ChangeContext {
  readonly change: MemberChange;
  readonly origin: ChangeOrigin;
}

/** As JSON, for `encodeConfiguration`. */
export function writeContext(change: MemberChange, origin: ChangeOrigin): string {
  return JSON.stringify({ change: encodeChange(change), ...origin });
}

/** Undefined for an entry that says nothing. */
export function readContext(text: string): ChangeContext | undefined {
  if (text === '') return undefined;
  const { change, proposer, id } = JSON.parse(text) as { change: string } & ChangeOrigin;
  return { change: decodeChange(change), origin: { proposer, id } };
}
