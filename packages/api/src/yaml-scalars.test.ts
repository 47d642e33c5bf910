/** What kube-apiserver 1.36 made of plain scalars, seen in its answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonError } from './json.ts';
import { parseYaml } from './yaml.ts';

const valueOf = (scalar: string): unknown => (parseYaml(`a: ${scalar}\n`).value as { a: unknown }).a;

test('the words of YAML 1.1 are booleans and nothing', () => {
  for (const word of ['y', 'Y', 'yes', 'YES', 'on', 'On', 'true', 'True']) assert.equal(valueOf(word), true);
  for (const word of ['n', 'No', 'off', 'OFF', 'false', 'FALSE']) assert.equal(valueOf(word), false);
  for (const word of ['', '~', 'null', 'Null', 'NULL']) assert.equal(valueOf(word), null);
  for (const word of ['yEs', 'oFF', 'tRue', 'nULL', '"yes"', "'no'", '!!str on'])
    assert.equal(valueOf(word), word.replaceAll(/["']|!!str /g, ''));
});

test('integers are those of Go', () => {
  const numbers: Readonly<Record<string, number>> = {
    '0777': 511,
    '0o777': 511,
    '0x1F': 31,
    '0X1F': 31,
    '-0b101': -5,
    '+12': 12,
    '1_000': 1000,
    '08': 8,
    '1_0.5': 10.5,
    '5.': 5,
    '-.5': -0.5,
    '1E3': 1000,
    '!!int "3"': 3,
  };
  for (const [text, number] of Object.entries(numbers)) assert.equal(valueOf(text), number, text);
  assert.equal(JSON.stringify(valueOf('18446744073709551615')), '18446744073709551615');
  assert.equal(valueOf('-9223372036854775809'), -(2 ** 63));
});

test('times, sexagesimals and what is too large stay texts', () => {
  for (const text of ['2001-01-01', '1:30', '_1', '1e400', '0b12', '0xg', '.', '+', '=', '<<', 'inf'])
    assert.equal(valueOf(text), text);
  assert.equal(valueOf('!!binary aGk='), 'hi');
});

test('keys are what their text stands for, as a text', () => {
  assert.deepEqual(parseYaml('{on: a, 0777: b, 1.50: c, x: d}').value, {
    true: 'a',
    511: 'b',
    1.5: 'c',
    x: 'd',
  });
  assert.throws(() => parseYaml('a: {null: x}'), {
    message: 'unsupported map key of type: %!s(<nil>), key: <nil>, value: "x"',
  });
});

test('what JSON cannot say is refused', () => {
  assert.throws(() => parseYaml('a: .inf'), { message: 'json: unsupported value: +Inf' });
  assert.throws(() => parseYaml('a: .NaN'), JsonError);
});
