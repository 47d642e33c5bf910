import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  booleanFlag,
  durationFlag,
  listFlag,
  numberFlag,
  parseArguments,
  parseDuration,
  stringFlag,
  UsageError,
} from './flags.ts';

const set = {
  name: stringFlag('default', 'a name', { env: 'T_NAME' }),
  'force-new': booleanFlag(false, 'a switch'),
  quota: numberFlag(0, 'a number'),
  timeout: durationFlag(1000, 'a duration'),
  urls: listFlag([], 'a list'),
};

test('flags parse in both of Go’s spellings, and lists accumulate', () => {
  const { flags, positional, given } = parseArguments(set, [
    '--name=a',
    '-quota',
    '5',
    '--force-new',
    '--urls',
    'x,y',
    'verb',
    '--urls=z',
    '--',
    '--name=b',
  ]);
  assert.deepEqual(flags, { name: 'a', 'force-new': true, quota: 5, timeout: 1000, urls: ['x', 'y', 'z'] });
  assert.deepEqual(positional, ['verb', '--name=b']);
  assert.deepEqual([...given].sort(), ['force-new', 'name', 'quota', 'urls']);
});

test('the environment supplies a flag that the command line does not', () => {
  assert.equal(parseArguments(set, [], { T_NAME: 'env' }).flags.name, 'env');
  assert.equal(parseArguments(set, ['--name', 'argv'], { T_NAME: 'env' }).flags.name, 'argv');
});

test('an unknown flag names the nearest known one', () => {
  assert.throws(
    () => parseArguments(set, ['--timeot=1s']),
    new UsageError('unknown flag --timeot; did you mean --timeout?'),
  );
  assert.throws(() => parseArguments(set, ['--__proto__=1']), /unknown flag --__proto__/);
});

test('a value of the wrong type, or none, is an error that names the flag', () => {
  assert.throws(() => parseArguments(set, ['--quota=many']), /--quota: "many" is not a number/);
  assert.throws(() => parseArguments(set, ['--timeout=3']), /--timeout: "3" is not a duration/);
  assert.throws(
    () => parseArguments(set, ['--force-new=maybe']),
    /--force-new: "maybe" is neither true nor false/,
  );
  assert.throws(() => parseArguments(set, ['--name']), /flag --name needs a value/);
});

test('durations follow Go’s syntax', () => {
  assert.equal(parseDuration('1h30m'), 5_400_000);
  assert.equal(parseDuration('250ms'), 250);
  assert.equal(parseDuration('-1.5s'), -1500);
  assert.equal(parseDuration('0'), 0);
});
