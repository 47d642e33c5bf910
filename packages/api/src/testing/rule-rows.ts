/** Tables of rules: an object as a client sends it, and exactly what validation says of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeStrict } from '../decode.ts';
import type { ApiObject } from '../object.ts';
import { applyDefaults } from '../defaults.ts';
import { registry } from '../registry.ts';
import { formatFieldError, validate } from '../validation.ts';

export interface Row {
  /** `group/version/resource`; the core group is empty. */
  readonly of: string;
  readonly value: object;
  /** What it replaces; left out for a creation. */
  readonly old?: object;
  /** The subresource that it is sent to. */
  readonly part?: string;
  readonly says: readonly string[];
}

export const meta = { name: 'a', namespace: 'n', uid: 'u' };

/** What validation says; metadata are `meta` where the row has none. */
export function problems({ of, value, old, part = '' }: Row): string[] {
  const [group = '', version = '', resource = ''] = of.split('/');
  const info = registry.lookup(group, version, resource);
  assert.ok(info, of);
  const { namespace: _namespace, ...own } = meta;
  const metadata = info.namespaced ? meta : own;
  const objectOf = (sent: object): ApiObject =>
    applyDefaults(info, decodeStrict(info, { metadata, ...sent }).object);
  const before = old === undefined ? undefined : objectOf(old);
  return validate(info, objectOf(value), before, part).map(formatFieldError);
}

export function checkRows(title: string, rows: readonly Row[]): void {
  void describe(title, () => {
    for (const row of rows)
      void it(`${row.of}${row.part === undefined ? '' : `/${row.part}`}: ${row.says[0] ?? 'nothing'}`, () => {
        assert.deepEqual(problems(row), row.says);
      });
  });
}
