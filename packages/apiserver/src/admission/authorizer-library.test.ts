import assert from 'node:assert/strict';
import { test } from 'node:test';
import { types } from '@timonier/cel';
import { admissionEnvironment } from './conditions.ts';

test('what authorizer is asked is built up step by step, and only a whole question can be asked', () => {
  const environment = admissionEnvironment({});
  const typeOf = (expression: string) => types.formatType(environment.compile(expression).type);
  assert.equal(typeOf("authorizer.requestResource.check('get')"), 'kubernetes.authorization.Decision');
  assert.equal(typeOf("authorizer.group('').resource('pods')"), 'kubernetes.authorization.ResourceCheck');
  assert.equal(typeOf("authorizer.path('/x').check('get').allowed()"), 'bool');
  assert.throws(
    () => typeOf("authorizer.group('apps').check('get')"),
    /found no matching overload for 'check'/,
  );
  assert.throws(() => typeOf("authorizer.path('/x').namespace('n')"), /found no matching overload/);
  assert.throws(() => typeOf('authorizer.unknown'), /does not support field selection/);
  assert.throws(() => typeOf('[authorizer].all(authorizer, authorizer.requestResource == 1)'));
  assert.ok(environment.compile("authorizer.requestResource.check('get').allowed()").estimate >= 350_000);
});
