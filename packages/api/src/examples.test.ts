/**
 * Every kind's example against what is recorded of it: its defaults and its row. After a wanted change:
 * UPDATE_GOLDEN=1 ./bin/node --test packages/api/src/examples.test.ts, and read the difference.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { decodeStrict } from './decode.ts';
import { applyDefaults } from './defaults.ts';
import { decodeProtobuf, encodeProtobuf } from './protobuf.ts';
import { apiVersionOf } from './registry.ts';
import { toTable } from './table.ts';
import { examples, storedKinds } from './testing/examples.ts';
import { formatFieldError, validate } from './validation.ts';

interface Golden {
  readonly cells: unknown;
  readonly object: unknown;
}

const file = join(import.meta.dirname, 'testing/golden.json');
const isUpdate = process.env['UPDATE_GOLDEN'] === '1';
const recorded = (isUpdate ? {} : JSON.parse(readFileSync(file, 'utf8'))) as Record<string, Golden>;
const now = Date.parse('2026-01-02T04:00:00Z');
const stamps = { uid: '00000000-0000-4000-8000-000000000000', creationTimestamp: '2026-01-02T03:55:00Z' };

describe('the example of', () => {
  const found: Record<string, Golden> = {};
  after(() => {
    if (!isUpdate) return;
    const lines = Object.keys(found)
      .sort()
      .map((title) => `  ${JSON.stringify(title)}: ${JSON.stringify(found[title])}`);
    writeFileSync(file, `{\n${lines.join(',\n')}\n}\n`);
  });

  it('every stored kind is there', () => {
    const have = new Set(examples().map(({ title }) => title));
    const missing = storedKinds()
      .map((info) => `${apiVersionOf(info)} ${info.kind}`)
      .filter((title) => !have.has(title));
    assert.deepEqual(missing, []);
  });

  for (const { info, title, object: sent } of examples()) {
    it(`${title} is valid, filled in, shown and carried by protobuf as recorded`, () => {
      const { object, problems } = decodeStrict(info, sent());
      assert.deepEqual(problems, []);
      applyDefaults(info, object);
      object.metadata = {
        ...object.metadata,
        ...stamps,
        ...(info.namespaced ? { namespace: 'default' } : {}),
      };
      if (title === 'batch/v1 Job') selectByUid(object);
      assert.deepEqual(validate(info, object).map(formatFieldError), []);
      const again = decodeProtobuf(encodeProtobuf(object));
      const normal = decodeStrict(info, again.object);
      assert.deepEqual(normal.problems, []);
      // Protobuf does not carry the kind of an object inside another; defaults put it back.
      const filled = applyDefaults(info, normal.object);
      assert.deepEqual(sorted(filled), sorted(decodeStrict(info, object).object));
      const [row] = toTable(info, [object], { now }).rows;
      found[title] = { cells: row?.cells, object: JSON.parse(JSON.stringify(sorted(object))) };
      if (!isUpdate) assert.deepEqual(found[title], recorded[title]);
    });
  }
});

/** What the server adds to a job before it is validated. */
function selectByUid(object: object): void {
  const { spec } = object as {
    spec: { selector?: object; template: { metadata?: { labels?: Record<string, string> } } };
  };
  const labels = {
    'batch.kubernetes.io/controller-uid': stamps.uid,
    'batch.kubernetes.io/job-name': 'careen',
    'controller-uid': stamps.uid,
    'job-name': 'careen',
  };
  spec.selector = { matchLabels: { 'batch.kubernetes.io/controller-uid': stamps.uid } };
  spec.template.metadata = { ...spec.template.metadata, labels };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
