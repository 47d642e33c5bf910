import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readLog, type LogOptions } from './log-reader.ts';

let folder = '';
let path = '';
const at = (second: number): string => `2026-01-02T03:04:0${second}.000000000Z`;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'timonier-logs-'));
  path = join(folder, '0.log');
  await writeFile(`${path}.20260102-030402`, `${at(1)} stdout F one\n${at(2)} stderr F two\n`);
  await writeFile(path, `${at(3)} stdout P thr\n${at(3)} stdout F ee\n${at(4)} stdout F four\n`);
});
after(() => rm(folder, { recursive: true, force: true }));

async function read(options: LogOptions = {}): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of readLog(path, options, async () => false, new AbortController().signal)) {
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

test('rotated files come first, and parts of a line are joined', async () => {
  assert.equal(await read(), 'one\ntwo\nthree\nfour\n');
});

test('the last lines are counted over rotated files, and a joined line is one', async () => {
  assert.equal(await read({ tailLines: 2 }), 'three\nfour\n');
  assert.equal(await read({ tailLines: 3 }), 'two\nthree\nfour\n');
  assert.equal(await read({ tailLines: 0 }), '');
  assert.equal(await read({ tailLines: 100 }), 'one\ntwo\nthree\nfour\n');
});

test('time, stream, size and time stamps are as asked', async () => {
  assert.equal(await read({ sinceMs: Date.parse(at(4)) }), 'four\n');
  assert.equal(await read({ stream: 'stderr' }), 'two\n');
  assert.equal(await read({ limitBytes: 6 }), 'one\ntw');
  assert.equal(await read({ timestamps: true, tailLines: 2 }), `${at(3)} three\n${at(4)} four\n`);
});

test(
  'following goes on over growth and rotation, and ends with the container',
  { timeout: 60_000 },
  async () => {
    const live = join(folder, '1.log');
    await writeFile(live, `${at(1)} stdout F a\n`);
    let alive = true;
    const seen: string[] = [];
    for await (const part of readLog(
      live,
      { follow: true },
      async () => alive,
      new AbortController().signal,
    )) {
      seen.push(part.toString().trim());
      if (seen.length === 1) await appendFile(live, `${at(2)} stdout F b\n`);
      if (seen.length === 2) {
        await rename(live, `${live}.20260102-030405`);
        await writeFile(live, `${at(3)} stdout F c\n`);
      }
      if (seen.length === 3) alive = false;
    }
    assert.deepEqual(seen, ['a', 'b', 'c']);
  },
);
