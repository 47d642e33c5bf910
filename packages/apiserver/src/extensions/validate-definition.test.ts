/** Changes of definitions: what was taken before stays, and what is new is judged. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFieldError } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { parseJson } from '@timonier/api/json';
import { columnsOf } from './cells.ts';
import type { Definition } from './definition-types.ts';
import type { JsonSchema } from './json-schema.ts';
import { validateDefinition } from './validate-definition.ts';

const open: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

function definition(spec: Partial<Definition['spec']>, schema: JsonSchema = open): Definition {
  return {
    metadata: { name: 'things.x.io' },
    spec: {
      group: 'x.io',
      scope: 'Cluster',
      names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
      ...spec,
    },
    status: {
      storedVersions: ['v1'],
      conditions: [{ type: 'Established', status: 'True' }],
    },
  };
}

const problems = (now: Definition, old?: Definition): string[] =>
  validateDefinition(now, old).map(formatFieldError);

describe('the authority of a conversion webhook', () => {
  const by = (caBundle: string): Definition =>
    definition({
      conversion: {
        strategy: 'Webhook',
        webhook: {
          conversionReviewVersions: ['v1'],
          clientConfig: { url: 'https://x.io/convert', caBundle },
        },
      },
    });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const at = 'spec.conversion.webhookClientConfig.caBundle: Invalid value';

  it('is a certificate once kinds depend on it', () => {
    const [nonsense] = [base64('nonsense')];
    assert.deepEqual(problems(by(nonsense), definition({})), [
      `${at}: "${nonsense}": unable to load root certificates: unable to parse bytes as PEM block`,
    ]);
    const [broken] = [base64('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')];
    const [found = ''] = problems(by(broken), definition({}));
    assert.match(found, /unable to load root certificates: failed to parse certificate: /);
    const key = base64('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
    assert.deepEqual(problems(by(key), definition({})), [
      `${at}: "${key}": unable to load root certificates: no valid certificate authority data seen`,
    ]);
  });

  it('may come later than the definition, and stay wrong', () => {
    assert.deepEqual(problems(by(base64('nonsense'))), []);
    assert.deepEqual(problems(by(base64('other nonsense')), by(base64('nonsense'))), []);
  });
});

describe('a schema', () => {
  const wrong: JsonSchema = { type: 'object', properties: { a: {} } };

  it('is judged where it is new, and not where it was taken before', () => {
    assert.equal(problems(definition({}, wrong)).length, 1);
    assert.equal(problems(definition({}, wrong), definition({})).length, 1);
    assert.deepEqual(problems(definition({}, wrong), definition({}, wrong)), []);
  });

  it('may stay one of a definition that keeps unknown fields, as older ones did', () => {
    const keeps = definition({ preserveUnknownFields: true });
    assert.equal(problems(keeps, definition({})).length, 1);
    assert.deepEqual(problems(keeps, keeps), []);
  });

  it('may have fields beside those that it names', () => {
    const properties = {
      m: { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: true },
    };
    assert.deepEqual(problems(definition({}, { type: 'object', properties })), []);
  });
});

it('a column of integers shows one that no number of JavaScript holds', () => {
  const [version] = definition({}).spec.versions;
  assert.ok(version);
  const { cells } = columnsOf({
    ...version,
    additionalPrinterColumns: [{ name: 'I', type: 'integer', jsonPath: '.i' }],
  });
  const { value } = parseJson('{"i":9007199254740993}');
  assert.equal(JSON.stringify(cells(value as ApiObject, 0)), '["",9007199254740993]');
});
