import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { kindsPage, pageFile } from '../scripts/kinds-page.ts';

test('the page of kinds says what the registry says', () => {
  const rebuild = './bin/node packages/api/scripts/kinds-page.ts';
  assert.equal(readFileSync(pageFile, 'utf8'), kindsPage(), `run ${rebuild}`);
});
