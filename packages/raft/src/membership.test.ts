import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ConfigurationHistory,
  decodeConfiguration,
  encodeConfiguration,
  refusalOfChange,
} from './membership.ts';

const group = (voters: string, learners = ''): { voters: string[]; learners: string[] } => ({
  voters: voters.split(''),
  learners: learners.split(''),
});

test('a configuration entry survives encoding, with the host context', () => {
  const encoded = encodeConfiguration(group('abc', 'd'), 'd=https://10.0.0.4:2380');
  assert.deepEqual(decodeConfiguration(encoded), {
    configuration: group('abc', 'd'),
    context: 'd=https://10.0.0.4:2380',
  });
  assert.equal(decodeConfiguration(encodeConfiguration(group('a'))).context, '');
});

test('data that is no configuration is refused', () => {
  for (const text of [
    'null',
    '{}',
    '{"voters":["a"]}',
    '{"voters":[1],"learners":[]}',
    '{"voters":[""],"learners":[]}',
  ]) {
    assert.throws(() => decodeConfiguration(new TextEncoder().encode(text)), TypeError, text);
  }
});

test('one voter may change at a time, learners freely', () => {
  const current = group('abc', 'd');
  for (const [next, allowed] of [
    [group('abcd'), true],
    [group('ab', 'cd'), true],
    [group('ab'), true],
    [group('abc', 'xyz'), true],
    [group('abd'), false],
    [group('a', 'bc'), false],
    [group('abcc'), false],
    [group('abc', 'c'), false],
    [group('', 'abc'), false],
  ] as const) {
    assert.equal(refusalOfChange(current, next) === null, allowed, JSON.stringify(next));
  }
});

test('cutting off an uncommitted change brings the configuration before it back', () => {
  const history = new ConfigurationHistory(0, group('abc'));
  history.append(5, group('abcd'), 3);
  assert.deepEqual(history.committed(4), group('abc'));
  assert.equal(history.cut(6), false);
  assert.equal(history.cut(5), true);
  assert.deepEqual(history.current, group('abc'));
});

test('a committed change is never cut off by later ones', () => {
  const history = new ConfigurationHistory(0, group('abc'));
  history.append(5, group('abcd'), 3);
  history.append(9, group('abcde'), 7);
  assert.equal(history.cut(6), true);
  assert.deepEqual(history.current, group('abcd'));
  assert.equal(history.index, 5);
});
