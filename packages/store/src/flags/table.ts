/** The flags as rows of a table for docs/store-api.md, which a test compares with the code. */
import type { Flag } from '@timonier/component';
import { etcdFlags } from './etcd-flags.ts';
import { fixed } from './fixed-flags.ts';
import { ownFlags } from './own-flags.ts';

export type Row = readonly string[];

const code = (text: string): string => (text === '' ? 'empty' : `\`${text}\``);

function defaultOf(flag: Flag<unknown>): string {
  if (flag.placeholder !== undefined) return code(flag.placeholder);
  return code(Array.isArray(flag.default) ? flag.default.join(',') : String(flag.default));
}

export function honouredRows(): Row[] {
  return Object.entries(etcdFlags).map(([name, flag]) => [
    `\`--${name}\``,
    defaultOf(flag as Flag<unknown>),
    flag.help,
  ]);
}

export function fixedRows(): Row[] {
  return Object.entries(fixed).map(([name, { accepts, why }]) => [
    `\`--${name}\``,
    accepts.map((value) => code(value)).join(', '),
    why,
  ]);
}

export function ownRows(): Row[] {
  return Object.entries(ownFlags).map(([name, flag]) => [
    `\`--${name}\``,
    defaultOf(flag as Flag<unknown>),
    flag.help,
  ]);
}
