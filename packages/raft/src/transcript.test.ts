/**
 * Replays src/testdata/*.txt and compares with the text in the file. After an intended change of behaviour, run with
 * UPDATE_TRANSCRIPTS=1 and read the difference before committing it.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { replay } from './transcript.ts';

const folder = new URL('./testdata/', import.meta.url);

for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
  test(`the transcript ${file} replays as written`, () => {
    const url = new URL(file, folder);
    const written = readFileSync(url, 'utf8');
    const replayed = replay(written);
    if (process.env['UPDATE_TRANSCRIPTS'] === '1') writeFileSync(url, replayed);
    else assert.equal(replayed, written);
  });
}
