import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { convertedObject } from './converted-object.ts';

const metadata = {
  name: 'one',
  namespace: 'peer',
  uid: 'u',
  resourceVersion: '5',
  generation: 2,
  labels: { a: 'b' },
  finalizers: ['e.f/g'],
};
const from = { apiVersion: 'g.example.com/v1', kind: 'Host', metadata, spec: { host: 'h' } };
const right = { apiVersion: 'g.example.com/v2', kind: 'Host', metadata, spec: { address: 'h:1' } };
const converted = (change: object): unknown => ({ ...right, ...change });
const wanted = 'g.example.com/v2';

/** What a webhook made, and what Kubernetes' own API server was seen to say of it. */
const wrong: readonly (readonly [unknown, string])[] = [
  [null, 'unexpected end of JSON input'],
  ['x', 'json: cannot unmarshal string into Go value of type map[string]interface {}'],
  [[], 'json: cannot unmarshal array into Go value of type map[string]interface {}'],
  [{}, "Object 'Kind' is missing in '{}'"],
  [
    converted({ apiVersion: undefined }),
    'invalid object at index 0: invalid groupVersion (expected g.example.com/v2, received )',
  ],
  [
    converted({ apiVersion: 'g.example.com/v1' }),
    'invalid object at index 0: invalid groupVersion (expected g.example.com/v2, received g.example.com/v1)',
  ],
  [converted({ kind: 'Guest' }), 'invalid object at index 0: invalid kind (expected Host, received Guest)'],
  [converted({ metadata: undefined }), 'invalid object: must have the same name: one != '],
  [
    converted({ metadata: { ...metadata, name: 'two' } }),
    'invalid object: must have the same name: one != two',
  ],
  [
    converted({ metadata: { ...metadata, namespace: undefined } }),
    'invalid object: must have the same namespace: peer != ',
  ],
  [converted({ metadata: { ...metadata, uid: 'v' } }), 'invalid object: must have the same UID: u != v'],
  [
    converted({ metadata: { ...metadata, labels: { a: 1 } } }),
    'invalid metadata: metadata.labels[a] must be a string, but is int64 in converted object',
  ],
  [
    converted({ metadata: { ...metadata, labels: [] } }),
    'invalid metadata: invalid metadata.labels of type []interface {} in converted object',
  ],
  [
    converted({ metadata: { ...metadata, annotations: 'x' } }),
    'invalid metadata: invalid metadata.annotations of type string in converted object',
  ],
];

describe('what a conversion webhook made of an object', () => {
  for (const [given, problem] of wrong)
    it(`is refused: ${problem}`, () => {
      const found = convertedObject(from, given, wanted);
      assert.equal('problem' in found ? found.problem : undefined, problem);
    });

  it('may have other labels and annotations, and nothing else of its metadata', () => {
    const found = convertedObject(
      from,
      converted({
        metadata: {
          ...metadata,
          labels: undefined,
          annotations: { c: 'd' },
          resourceVersion: '1',
          generation: 9,
          finalizers: [],
        },
      }),
      wanted,
    );
    const { labels: _labels, ...kept } = metadata;
    assert.deepEqual(found, { object: { ...right, metadata: { ...kept, annotations: { c: 'd' } } } });
  });

  it('is told where a label that it changed is wrong', () => {
    const found = convertedObject(
      from,
      converted({ metadata: { ...metadata, annotations: { 'no key': 'x' } } }),
      wanted,
    );
    assert.match(
      'problem' in found ? found.problem : '',
      /^invalid metadata: metadata\.annotation: Invalid value: "no key": /,
    );
  });
});
