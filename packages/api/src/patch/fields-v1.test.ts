/** Stored trees of fields against sets: whatever is taken or added, both ways must write the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { difference, type FieldPath, fieldSetOf, toFieldsV1, union } from './field-set.ts';
import { tidyFieldsV1, withFields, withoutFields } from './fields-v1.ts';

const element = fc.constantFrom('f:a', 'f:b', 'f:.', 'f:__proto__', 'k:{"name":"x"}', 'v:"a"', 'i:0');
const paths = fc.array(fc.array(element, { minLength: 1, maxLength: 4 }), { maxLength: 12 });
const sets = paths.map((list: readonly FieldPath[]) => fieldSetOf(...list));

test('fields are taken away and added as from sets, in order, and nothing that was given is changed', () => {
  fc.assert(
    fc.property(sets, sets, (owned, other) => {
      const fields = toFieldsV1(owned);
      const before = JSON.stringify(fields);
      const less = withoutFields(fields, other);
      const more = withFields(fields, other);
      assert.equal(JSON.stringify(less), JSON.stringify(toFieldsV1(difference(owned, other))));
      assert.equal(JSON.stringify(more), JSON.stringify(toFieldsV1(union(owned, other))));
      assert.equal(JSON.stringify(fields), before);
      // Whether anything changed is told by the object itself.
      assert.equal(less === fields, JSON.stringify(less) === before);
      assert.equal(more === fields, JSON.stringify(more) === before);
    }),
    { numRuns: 2_000 },
  );
});

test('what cannot be read is dropped, and the rest put in order', () => {
  const given = { 'f:b': 3, 'f:a': { '.': {}, 'f:c': {}, junk: {} }, junk: {}, '.': {} };
  assert.equal(JSON.stringify(tidyFieldsV1(given)), '{"f:a":{".":{},"f:c":{}},"f:b":{}}');
  assert.deepEqual(tidyFieldsV1('text'), {});
});
