import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeStrict } from './decode.ts';
// Bodies of `kubectl create`, as kubectl 1.35 sent them.
import bodies from './protobuf/kubectl-bodies.json' with { type: 'json' };
import { apiResourceList, apiVersions } from './discovery.ts';
import type { ApiObject } from './object.ts';
import { openEnvelope } from './protobuf/envelope.ts';
import {
  decodeProtobuf,
  decodeProtobufAnswer,
  encodeProtobuf,
  encodeProtobufWatchEvent,
  ProtobufError,
} from './protobuf.ts';
import { apiVersionOf, registry } from './registry.ts';
import { arbitraryValue } from './testing/arbitrary.ts';

/** generateName, namespace, selfLink, uid, resourceVersion empty, generation 0, creationTimestamp empty. */
const MANY_EMPTY = '12001a0022002a00320038004200';

describe('protobuf', () => {
  for (const info of registry.all()) {
    it(`carries any ${apiVersionOf(info)} ${info.kind} there and back unchanged`, () => {
      fc.assert(
        fc.property(arbitraryValue(info.schema), (value) => {
          const { object } = decodeStrict(info, JSON.parse(JSON.stringify(value)));
          const back = decodeProtobuf(encodeProtobuf(object));
          assert.equal(JSON.stringify(back.object, sorted), JSON.stringify(object, sorted));
        }),
        { numRuns: 25 },
      );
    });
  }

  it('writes a config map byte for byte as a client does', () => {
    const bytes = encodeProtobuf({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
      data: { z: '1', b: '' },
    });
    const metadata = `0a0161${MANY_EMPTY}`;
    assert.equal(
      bytes.toString('hex'),
      [
        '6b387300',
        '0a0f0a02763112', // type
        '09436f6e6669674d6170',
        '1222', // raw: metadata, then data with sorted keys
        `0a11${metadata}`,
        '12050a01621200',
        '12060a017a120131',
        '1a002200', // no content encoding, no content type
      ].join(''),
    );
  });

  for (const [resource, hex] of Object.entries(bodies)) {
    it(`reads what kubectl posts for ${resource} and writes the same bytes`, () => {
      const bytes = Buffer.from(hex, 'hex');
      const { object } = decodeProtobuf(bytes);
      assert.notEqual(object.metadata?.name ?? '', '');
      assert.equal(encodeProtobuf(object).toString('hex'), hex);
    });
  }

  it('numbers the fields of a v1beta1 list of metadata as that version does', () => {
    const list = { kind: 'PartialObjectMetadataList', metadata: { resourceVersion: '7' } };
    const items = [{ metadata: { name: 'a' } }];
    const bytes = (apiVersion: string): string =>
      encodeProtobuf({ ...list, apiVersion, items }).toString('hex');
    const item = `0a110a0161${MANY_EMPTY}`;
    const meta = '0a001201371a00';
    assert.ok(bytes('meta.k8s.io/v1').includes(`0a07${meta}1213${item}1a00`));
    assert.ok(bytes('meta.k8s.io/v1beta1').includes(`0a13${item}1207${meta}1a00`));
  });

  it('frames watch events with a length and a whole envelope inside', () => {
    const frame = encodeProtobufWatchEvent('ADDED', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'x' },
    });
    assert.equal(frame.readUInt32BE(0), frame.length - 4);
    assert.equal(frame.subarray(4, 11).toString('latin1'), '\n\u0005ADDED');
    const inner = frame.subarray(frame.indexOf('k8s\0'));
    assert.equal(decodeProtobuf(inner).object.metadata?.name, 'x');
  });

  it('refuses bytes that are cut short or are not protobuf, and never crashes', () => {
    const whole = encodeProtobuf({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', labels: { x: 'y' } },
    });
    for (let size = 0; size < whole.length - 4; size += 1) {
      try {
        decodeProtobuf(whole.subarray(0, size));
      } catch (error) {
        assert.ok(error instanceof ProtobufError, String(error));
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        try {
          decodeProtobuf(Buffer.concat([whole.subarray(0, 15), noise]));
        } catch (error) {
          assert.ok(error instanceof ProtobufError, String(error));
        }
      }),
    );
  });

  it('skips fields it does not know', () => {
    const bytes = encodeProtobuf({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } });
    const extended = Buffer.concat([bytes, Buffer.from([0xfa, 0x3f, 0x01, 0x41])]);
    assert.equal(decodeProtobuf(extended).object.metadata?.name, 'x');
  });
});

/** Key order is not part of the comparison. */
function sorted(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('discovery in protobuf', () => {
  it('lists resources of the core group, whose document names no version, as those of others', () => {
    const core = apiResourceList(registry, () => true, { group: '', version: 'v1' });
    const apps = apiResourceList(registry, () => true, { group: 'apps', version: 'v1' });
    for (const document of [core, apps, apiVersions('10.0.0.1:6443')]) {
      const list = { ...document } as ApiObject;
      const bare = openEnvelope(encodeProtobuf(list));
      assert.deepEqual([bare?.apiVersion, bare?.kind], [list.apiVersion ?? '', list.kind]);
      const versioned = encodeProtobuf({ ...list, apiVersion: 'v1' });
      assert.deepEqual(bare?.raw, openEnvelope(versioned)?.raw);
      assert.deepEqual(decodeProtobufAnswer(encodeProtobuf(list)).object, {
        ...list,
        apiVersion: list.apiVersion ?? '',
      });
      // Nobody may send such a thing.
      if (list.apiVersion === undefined)
        assert.throws(
          () => decodeProtobuf(encodeProtobuf(list)),
          /no kind "\w+" is registered for version ""/,
        );
      assert.deepEqual(decodeProtobuf(versioned).object, { ...list, apiVersion: 'v1' });
    }
  });
});
