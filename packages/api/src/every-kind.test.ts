import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeStrict } from './decode.ts';
import { applyDefaults } from './defaults.ts';
import { apiVersionOf, registry } from './registry.ts';
import { StatusError } from './statuses.ts';
import { toTable } from './table.ts';
import { arbitraryValue } from './testing/arbitrary.ts';
import { formatFieldError, invalidStatus, validate } from './validation.ts';

describe('every kind', () => {
  for (const info of registry.all()) {
    it(`takes any well-typed ${apiVersionOf(info)} ${info.kind} from decoding to a table row`, () => {
      fc.assert(
        fc.property(arbitraryValue(info.schema), (value) => {
          const { object, problems } = decodeStrict(info, JSON.parse(JSON.stringify(value)));
          assert.deepEqual(problems, []);
          const text = JSON.stringify(object);
          const again = decodeStrict(info, JSON.parse(text));
          assert.equal(JSON.stringify(again.object), text, 'the normal form is its own normal form');
          applyDefaults(info, object);
          const filled = JSON.stringify(object);
          assert.equal(JSON.stringify(applyDefaults(info, object)), filled, 'defaults are filled in once');
          const errors = validate(info, object, again.object);
          assert.ok(errors.map(formatFieldError).every((line) => line !== ''));
          invalidStatus(info, 'a', errors);
          toTable(info, [object], { now: 0 });
        }),
        { numRuns: 10 },
      );
    });
  }

  it('answers any JSON with an object or a 400, and never crashes', () => {
    const kinds = fc.constantFrom(...registry.all());
    fc.assert(
      fc.property(
        kinds,
        fc.object({ key: fc.constantFrom('metadata', 'spec', 'status', 'name', 'labels', 'x') }),
        (info, value) => {
          try {
            decodeStrict(info, value);
          } catch (error) {
            assert.ok(error instanceof StatusError, String(error));
            assert.equal(error.code, 400);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
