import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml } from './yaml.ts';

test('what aliases stand for is there once, with its fields by the alphabet', () => {
  const { value } = parseYaml('a: &one {z: 1, b: [{w: 2, v: 3}], __proto__: 4}\nb: *one\nc: [*one, *one]\n');
  const { a, b, c } = value as { a: object; b: object; c: object[] };
  assert.equal(JSON.stringify(a), '{"__proto__":4,"b":[{"v":3,"w":2}],"z":1}');
  assert.equal(a, b);
  for (const one of c) assert.equal(a, one);
});

test('a large part that is referred to a hundred times is not copied a hundred times', () => {
  const { value } = parseYaml(`a: &one [${'{},'.repeat(1_000)}]\nb: [${'*one,'.repeat(99)}]\n`);
  const { a, b } = value as { a: object[]; b: object[][] };
  assert.equal(a.length, 1_000);
  assert.equal(new Set(b.flat()).size, 1_000);
});

test('what contains itself, or is deeper than JSON may be by its aliases, is refused', () => {
  for (const text of ['a: &x [*x]', '&x {a: *x}', 'a: &x\n  b: {c: [*x]}'])
    assert.throws(() => parseYaml(text), { message: 'exceeded max depth' });
  // Each part has nine hundred levels and then the one before.
  const parts = Array.from({ length: 3 }, (_, i) => {
    const inner = i === 0 ? '1' : `*p${i - 1}`;
    return `p${i}: &p${i} ${'['.repeat(900)}${inner}${']'.repeat(900)}\n`;
  });
  assert.throws(() => parseYaml(parts.join('')), { message: 'exceeded max depth' });
});
