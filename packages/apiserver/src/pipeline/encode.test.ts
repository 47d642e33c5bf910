import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { registry } from '@timonier/api';
import { type ApiObject, decodeStrict } from '@timonier/api/decode';
import { encodeProtobuf, encodeProtobufWatchEvent } from '@timonier/api/protobuf';
import { examples } from '../../../api/src/testing/examples.ts';
import { Selection } from '../cache/selection.ts';
import { WatchEncoder } from '../cache/watch-encoder.ts';
import type { Representation } from '../http/media.ts';
import { fromStored, StoredObject, toStored } from '../storage/stored-object.ts';
import { encodeObject } from './encode.ts';

const protobuf: Representation = { media: 'protobuf', form: 'object', metaVersion: 'v1', pretty: false };
const forms: readonly Representation[] = [
  protobuf,
  { ...protobuf, form: 'metadata' },
  { ...protobuf, form: 'metadata', metaVersion: 'v1beta1' },
];
const everything = { namespace: '', name: '', labelSelector: '', fieldSelector: '' };

function inForm(tree: ApiObject, { form, metaVersion }: Representation): ApiObject {
  if (form === 'object') return tree;
  const apiVersion = `meta.k8s.io/${metaVersion}`;
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: tree.metadata ?? {} };
}

/** One that must not be parsed. */
function unread(stored: StoredObject): StoredObject {
  const no = (): never => {
    throw new Error('it was parsed');
  };
  return Object.assign(stored, { object: no, metadata: no });
}

describe('in protobuf, without being parsed,', () => {
  for (const { info, title, object } of examples())
    it(`${title} is the same as it was`, () => {
      const { object: sent } = decodeStrict(info, object());
      const stored = fromStored('/registry/x', toStored(sent), 7, 7);
      const tree = stored.object();
      unread(stored);
      for (const representation of forms) {
        const expected = encodeProtobuf(inForm(tree, representation));
        const encoded = encodeObject(stored, { info, representation, includeObject: 'None' });
        assert.ok(encoded.equals(expected), JSON.stringify(representation));
      }
    });
});

const pods = registry.lookup('', 'v1', 'pods');
assert.ok(pods);

test('events in protobuf are made without parsing the object, too', () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', labels: { b: 'c' } } };
  const stored = fromStored('/registry/pods/default/a', toStored(pod), 7, 7);
  const tree = stored.object();
  for (const representation of forms) {
    const encoder = new WatchEncoder(
      pods,
      new Selection(pods, '/registry', everything),
      representation,
      'None',
    );
    const expected = encodeProtobufWatchEvent('ADDED', inForm(tree, representation));
    assert.ok(encoder.initial(unread(stored)).equals(expected), JSON.stringify(representation));
  }
});

test('what is stored as another kind or in another form than expected is parsed', () => {
  const texts = [
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"a":"b"}}',
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"kind":"ConfigMap"}',
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"metadata":{"name":"b"}}',
    '{"apiVersion":"v1","kind":"Pod","metadata":{"generation":9007199254740993}}',
    '{"kind":"Pod", "apiVersion":"v1","metadata":{"name":"\\u0061"}}',
  ];
  for (const text of texts) {
    const stored = new StoredObject('/registry/x', Buffer.from(text), 7, 7);
    for (const representation of forms) {
      const encoded = encodeObject(stored, { info: pods, representation, includeObject: 'None' });
      assert.ok(encoded.equals(encodeProtobuf(inForm(stored.object(), representation))), text);
    }
  }
  const unknown = new StoredObject(
    '/registry/x',
    Buffer.from('{"apiVersion":"v1","kind":"X","metadata":{}}'),
    7,
    7,
  );
  assert.throws(
    () => encodeObject(unknown, { info: pods, representation: protobuf, includeObject: 'None' }),
    { message: `no protobuf for "X" in version "v1"` },
  );
});
