import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { AsnConvert } from '@peculiar/asn1-schema';
import { createAuthority, createCertificate } from './certificate.ts';
import { subjectOfCertificate, subjectOfName, writtenAnew } from './subject.ts';

const tags = { utf8: 0x0c, numeric: 0x12, printable: 0x13, t61: 0x14, ia5: 0x16, bmp: 0x1e, integer: 0x02 };
const types = { CN: 3, serialNumber: 5, C: 6, O: 10, OU: 11, title: 12 };
type Pair = readonly [type: keyof typeof types, tag: keyof typeof tags, value: string | Buffer];

const element = (tag: number, ...content: Buffer[]): Buffer => {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag, body.length), body]);
};
const pair = ([type, tag, value]: Pair): Buffer =>
  element(
    0x30,
    element(0x06, Buffer.of(0x55, 4, types[type])),
    element(tags[tag], typeof value === 'string' ? Buffer.from(value) : value),
  );
/** Each argument is one set of the sequence. */
const name = (...sets: (readonly Pair[])[]): Buffer =>
  element(0x30, ...sets.map((set) => element(0x31, ...set.map(pair))));
const read = (...sets: (readonly Pair[])[]): unknown => subjectOfName(name(...sets));

test('of several common names the last one counts, also within one set', () => {
  const expected = { commonName: 'b', organizations: ['x', 'y'] };
  const [a, b, x, y]: readonly [Pair, Pair, Pair, Pair] = [
    ['CN', 'utf8', 'a'],
    ['CN', 'printable', 'b'],
    ['O', 'ia5', 'x'],
    ['O', 'utf8', 'y'],
  ];
  assert.deepEqual(read([x], [a], [y], [b]), expected);
  assert.deepEqual(read([x, a, y, b], []), expected);
  assert.deepEqual(read(), { commonName: '', organizations: [] });
});

test('text is read by its type; what its type does not allow is an error, and what is no text is passed over', () => {
  const group = (tag: Pair[1], value: Pair[2]): unknown =>
    subjectOfName(name([['O', tag, value]])).organizations;
  assert.deepEqual(group('utf8', 'système:\0masters'), ['système:\0masters']);
  assert.deepEqual(group('utf8', '\u{feff}a'), ['\u{feff}a']);
  assert.deepEqual(group('numeric', '12 3'), ['12 3']);
  assert.deepEqual(group('t61', Buffer.of(0xe9)), ['é']);
  assert.deepEqual(group('bmp', Buffer.of(0x20, 0xac, 0, 0x61, 0, 0)), ['€a']);
  assert.deepEqual(group('integer', Buffer.of(1)), []);
  const wrong: [Pair[1], Pair[2]][] = [
    ['numeric', 'system:masters'],
    ['printable', 'a_b'],
    ['printable', 'a\0'],
    ['ia5', Buffer.of(0xe9)],
    ['utf8', Buffer.of(0xff)],
    ['bmp', Buffer.of(0x61)],
    ['bmp', Buffer.of(0xd8, 0x3d)],
  ];
  for (const [tag, value] of wrong)
    assert.throws(() => group(tag, value), /invalid/, `${tag} ${value.toString()}`);
});

test('what is no name, or a part of one, is an error', () => {
  const whole = name([['CN', 'utf8', 'a']], [['O', 'utf8', 'b']]);
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => subjectOfName(whole.subarray(0, length)), `${length} bytes`);
  assert.throws(() => subjectOfName(Buffer.concat([whole, Buffer.of(0)])));
  for (const at of [0, 2, 4, 6]) {
    const changed = Buffer.from(whole);
    changed[at] = 0x04;
    assert.throws(() => subjectOfName(changed), `byte ${at}`);
  }
});

test('written anew it says what was read, once, and in the order of Go', () => {
  const written = (...sets: (readonly Pair[])[]): Buffer =>
    Buffer.from(AsnConvert.serialize(writtenAnew(name(...sets))));
  assert.deepEqual(
    written(
      [
        ['CN', 'utf8', 'a'],
        ['CN', 'bmp', Buffer.of(0, 0x62)],
      ],
      [['title', 'utf8', 'queen']],
      [
        ['O', 'printable', 'x'],
        ['O', 'integer', Buffer.of(1)],
      ],
      [['OU', 'utf8', 'z']],
      [['O', 't61', Buffer.of(0xe9)]],
      [['serialNumber', 'printable', '7']],
      [['C', 'printable', 'FR']],
    ),
    name(
      [['C', 'utf8', 'FR']],
      [['O', 'utf8', 'x']],
      [['O', 'utf8', 'é']],
      [['OU', 'utf8', 'z']],
      [['CN', 'utf8', 'b']],
      [['serialNumber', 'utf8', '7']],
    ),
  );
  assert.deepEqual(written([['CN', 'utf8', 'a'] as const], [['CN', 'utf8', '']]), name());
});

test('the subject of a certificate is its own, and not its issuer’s', () => {
  const spec = { commonName: 'a', organizations: ['x', 'y'], usages: ['client' as const], validDays: 1 };
  const { certificate } = createCertificate(spec, createAuthority('authority', 1));
  const { raw } = new X509Certificate(certificate);
  assert.deepEqual(subjectOfCertificate(raw), { commonName: 'a', organizations: ['x', 'y'] });
  assert.throws(() => subjectOfCertificate(raw.subarray(0, 100)));
});
