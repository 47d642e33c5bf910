import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { annotations, coveragePage, listed, pageFile } from './coverage.ts';

const rebuild = './bin/node test/conformance/coverage/coverage.ts';

test('every annotation names a conformance test that exists, and stands in front of a test', () => {
  const names = new Set(listed().map(({ name }) => name));
  for (const { name, file, test: title } of annotations()) {
    assert.ok(names.has(name), `${file}: there is no conformance test named "${name}"`);
    assert.ok(title, `${file}: no test follows the annotation "${name}"`);
  }
});

test('the page of conformance tests is up to date', () => {
  assert.equal(readFileSync(pageFile, 'utf8'), coveragePage(), `run ${rebuild}`);
});
