import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FieldError, fieldErrors } from '@timonier/api';
import { withExpressions } from './validate.ts';

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
