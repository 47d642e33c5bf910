import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FieldError, fieldErrors, registry } from '@timonier/api';
import { StatusError } from '@timonier/api/statuses';
import { checkObject, withExpressions } from './validate.ts';

const wrong = (field: string): FieldError => fieldErrors.invalid(field, 'x', 'is wrong');

test('what is wrong with an expression is told with its item, before its name', () => {
  const found = [
    fieldErrors.required('spec.failurePolicy'),
    fieldErrors.duplicate('spec.matchConditions[1].name', 'a'),
    wrong('spec.matchConditions[3].name'),
    wrong('spec.validations[0].reason'),
  ];
  const more = [0, 1, 2, 4].map((i) => wrong(`spec.matchConditions[${i}].expression`));
  assert.deepEqual(
    withExpressions(found, more).map(({ field }) => field),
    [
      'spec.failurePolicy',
      'spec.matchConditions[0].expression',
      'spec.matchConditions[1].expression',
      'spec.matchConditions[1].name',
      'spec.matchConditions[2].expression',
      'spec.matchConditions[3].name',
      'spec.validations[0].reason',
      'spec.matchConditions[4].expression',
    ],
  );
});

test('the key of an annotation is judged before its expression, and compared after it', () => {
  const found = [
    wrong('spec.auditAnnotations[0].key'),
    fieldErrors.duplicate('spec.auditAnnotations[1].key', 'a'),
  ];
  const more = [0, 1].map((i) => wrong(`spec.auditAnnotations[${i}].valueExpression`));
  assert.deepEqual(
    withExpressions(found, more).map(({ field }) => field),
    [
      'spec.auditAnnotations[0].key',
      'spec.auditAnnotations[0].valueExpression',
      'spec.auditAnnotations[1].valueExpression',
      'spec.auditAnnotations[1].key',
    ],
  );
});

test('the name of a variable is judged before its expression', () => {
  const found = [wrong('spec.variables[0].name')];
  const more = [wrong('spec.variables[0].expression')];
  assert.deepEqual(withExpressions(found, more), [...found, ...more]);
});

test('expressions that do not compile are told of as far as an answer goes', () => {
  const info = registry.lookup('admissionregistration.k8s.io', 'v1', 'validatingadmissionpolicies');
  assert.ok(info);
  const validations = Array.from({ length: 500 }, () => ({ expression: '1 +' }));
  const object = { metadata: { name: 'p' }, spec: { failurePolicy: 'Fail', validations } };
  assert.throws(
    () => checkObject(info, object, undefined),
    (error: unknown) => {
      assert.ok(error instanceof StatusError);
      const causes = error.status.details?.causes ?? [];
      const wrong = causes.filter(({ field = '' }) => field.startsWith('spec.validations['));
      assert.ok(wrong.length > 0 && wrong.length <= 100, `${wrong.length} causes`);
      return true;
    },
  );
});
