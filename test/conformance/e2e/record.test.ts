import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conformanceTests } from '../coverage/names.ts';
import { expected } from './expected.ts';
import { recipeOf } from './images.ts';
import { oneLine, readRecord } from './record.ts';

test('every test in the record, and every one that is said to fail, is one of upstream’s', () => {
  const names = new Set(conformanceTests());
  for (const { name } of readRecord()) assert.ok(names.has(name), name);
  for (const { names: pattern } of expected)
    assert.ok(
      [...names].some((name) => pattern.test(name)),
      `no test is like ${pattern.source}`,
    );
});

test('the record holds reasons, and nothing of the machine that they came from', () => {
  for (const { name, state, why } of readRecord()) {
    assert.equal(why === '', state === 'passed', name);
    assert.equal(why, oneLine(why), name);
  }
  assert.equal(oneLine('open /tmp/x/y: no\n  such file at 10.2.3.4:80'), 'open … no such file at …');
  assert.equal(
    oneLine('(got 1 / a.example/x/agnhost:2.63.0) test/e2e/a.go:7'),
    '(got 1 / …) test/e2e/a.go:7',
  );
});

test('an image is made by the last part of its name, and one that a registry has to refuse never', () => {
  assert.notEqual(recipeOf('a.example/images/agnhost:2.1'), undefined);
  assert.equal(recipeOf('a.example/images/volume/nfs:1.6.0'), undefined);
  assert.equal(recipeOf('a.example/authenticated-test/agnhost:2.6'), undefined);
  assert.equal(recipeOf('invalid.example/invalid/busybox:3.1'), undefined);
});
