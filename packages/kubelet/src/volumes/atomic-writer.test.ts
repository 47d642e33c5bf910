import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeAtomically } from './atomic-writer.ts';
import type { Payload } from './payload.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'timonier-volume-'));
});
after(() => rm(folder, { recursive: true, force: true }));

function payload(files: Record<string, string>): Payload {
  return new Map(
    Object.entries(files).map(([path, text]) => [path, { content: Buffer.from(text), mode: 0o640 }]),
  );
}

test('a change switches all files over at once and removes what is gone', async () => {
  assert.equal(await writeAtomically(folder, payload({ a: '1', 'sub/b': '2' })), true);
  const before = await readlink(join(folder, '..data'));
  assert.equal(await readFile(join(folder, 'sub/b'), 'utf8'), '2');
  assert.equal(await writeAtomically(folder, payload({ a: '1', 'sub/b': '2' })), false);
  assert.equal(await readlink(join(folder, '..data')), before);

  assert.equal(await writeAtomically(folder, payload({ a: '3' })), true);
  assert.equal(await readFile(join(folder, 'a'), 'utf8'), '3');
  const entries = await readdir(folder);
  assert.deepEqual(
    entries.filter((entry) => !entry.startsWith('..')),
    ['a'],
  );
  assert.equal(entries.length, 3);
});
