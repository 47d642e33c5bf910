import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HistoryHash, verdict } from './verdict.ts';

/** `a1` is the hash 1 of member a; `b1@5` the same with what is before revision 5 compacted. */
function hashes(text: string): Map<string, HistoryHash> {
  return new Map(
    [...text.matchAll(/([a-z])(\d)(?:@(\d))?/g)].map(([, id = '', hash, compacted = '0']) => [
      id,
      { hash: Number(hash), compactRevision: Number(compacted) },
    ]),
  );
}

const none = 'agree';
for (const [what, voters, text, expected, witnesses = ''] of [
  ['all hold the same', 'abc', 'a1 b1 c1', none],
  ['one of three differs', 'abc', 'a1 b2 c1', 'apart b'],
  ['the one that asks differs', 'abc', 'a2 b1 c1', 'apart a'],
  ['two of five differ, each in its own way', 'abcde', 'a1 b2 c1 d3 e1', 'apart bd'],
  ['three of five differ, each in its own way', 'abcde', 'a1 b2 c1 d3 e4', 'split abcde'],
  ['one of two differs', 'ab', 'a1 b2', 'split ab'],
  ['one of three differs and one is away', 'abc', 'a1 b2', 'split ab'],
  ['one of five differs and one is away', 'abcde', 'a1 b2 c1 d1', 'apart b'],
  ['compacted differently', 'abc', 'a1 b2@3 c1', none],
  ['two that are compacted like the asker', 'abc', 'a1@3 b2@3 c4', 'split ab'],
  ['a learner differs', 'ab', 'a1 b1 x2', 'apart x'],
  ['a learner decides nothing', 'ab', 'a1 b2 x2', 'split abx'],
  ['two members and a witness', 'abw', 'a1 b2', 'split ab', 'w'],
  ['nobody answers', 'abc', 'a1', none],
] as const)
  test(`who holds other data: ${what}`, () => {
    const all = hashes(text);
    const own = all.get('a');
    assert.ok(own !== undefined);
    const found = verdict(all, own, {
      voters: voters.split(''),
      learners: [],
      witnesses: witnesses.split('').filter((id) => id !== ''),
    });
    assert.equal('members' in found ? `${found.kind} ${found.members.join('')}` : found.kind, expected);
  });
