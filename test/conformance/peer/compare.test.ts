/** What is compared of two answers, and into which class a difference falls. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { encodeProtobuf, encodeProtobufWatchEvent } from '@timonier/api/protobuf';
import { messageSchema } from '@timonier/api/schema';
import { classOf, differences } from './compare.ts';
import { mutations } from './mutations.ts';
import { type Compared, normalize, normalizeJson } from './normalize.ts';

const answer = (body: unknown, status = 200): Compared => ({ status, headers: {}, body });
const refusal = (causes: readonly object[], more: object = {}): Compared =>
  answer({ kind: 'Status', reason: 'Invalid', message: 'm', details: { causes }, ...more }, 422);
const cause = (field: string, message = 'Required value'): object => ({
  field,
  reason: 'FieldValueRequired',
  message,
});

suite('answers are normalised', () => {
  test('what each server gives out by itself is replaced, and the rest stays', () => {
    const object = {
      metadata: { uid: 'u', resourceVersion: '7', name: 'a', creationTimestamp: '2026-01-02T03:04:05Z' },
      spec: { clusterIP: '10.96.3.4', clusterIPs: ['10.96.3.4'], ports: [{ nodePort: 30_123, port: 80 }] },
    };
    assert.deepEqual(normalizeJson(object), {
      metadata: { uid: '<uid>', resourceVersion: '<version>', name: 'a', creationTimestamp: '<time>' },
      spec: { clusterIP: '<ip>', clusterIPs: ['<ip>'], ports: [{ nodePort: '<port>', port: 80 }] },
    });
  });

  test('fields of an applied object that are wrong are told by the alphabet', () => {
    const told = (errors: string): unknown => normalizeJson({ message: `no patch object: errors:${errors}` });
    assert.deepEqual(
      told('\n  .spec.b: expected list\n  .spec.a: expected map'),
      told('\n  .spec.a: expected map\n  .spec.b: expected list'),
    );
    assert.notDeepEqual(told('\n  .spec.a: expected map'), told('\n  .spec.b: expected map'));
  });

  test('a service without an address keeps that', () => {
    const spec = { clusterIP: 'None', clusterIPs: ['None'] };
    assert.deepEqual(normalizeJson(spec), spec);
  });

  test('a watch is compared event by event, and only headers that mean something', () => {
    const { headers, body } = normalize({
      status: 200,
      headers: { 'content-type': 'application/json', date: 'today' },
      text: '{"type":"ADDED"}\n{"type":"DELETED"}\n',
    });
    assert.deepEqual(headers, { 'content-type': 'application/json' });
    assert.deepEqual(body, [{ type: 'ADDED' }, { type: 'DELETED' }]);
  });
});

suite('protobuf', () => {
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', uid: 'u' }, data: { a: 'b' } };
  const inBytes = (bytes: Buffer, more = ''): Compared =>
    normalize({
      status: 200,
      headers: { 'content-type': `application/vnd.kubernetes.protobuf${more}` },
      text: bytes.toString(),
      bytes,
    });

  test('is compared by what it says', () => {
    const { body } = inBytes(encodeProtobuf(map));
    assert.deepEqual(body, {
      apiVersion: 'v1',
      data: { a: 'b' },
      kind: 'ConfigMap',
      metadata: { name: 'a', uid: '<uid>' },
    });
  });

  test('of a watch is compared event by event, as far as they are whole', () => {
    const event = encodeProtobufWatchEvent('ADDED', map);
    const { body } = inBytes(Buffer.concat([event, event, event.subarray(0, 9)]), ';stream=watch');
    assert.deepEqual(
      (body as { type: string; object: { kind: string } }[]).map(({ type, object }) => [type, object.kind]),
      [
        ['ADDED', 'ConfigMap'],
        ['ADDED', 'ConfigMap'],
      ],
    );
  });

  test('that is none is no answer to compare', () => {
    assert.throws(() => inBytes(Buffer.from('k8s')));
  });
});

suite('differences', () => {
  test('are none between equal answers, whatever the order of their fields', () => {
    assert.deepEqual(differences(answer({ a: 1, b: [1, { c: 2 }] }), answer({ b: [1, { c: 2 }], a: 1 })), []);
    assert.equal(classOf(answer({ a: 1 }), answer({ a: 1 })), undefined);
  });

  test('say where they are, with named items found by their names', () => {
    const theirs = answer({ items: [{ name: 'a', x: 1 }, { name: 'b' }] });
    const ours = answer({ items: [{ name: 'b' }, { name: 'a', x: 2 }, { name: 'c' }] });
    assert.deepEqual(differences(theirs, ours), [
      { place: 'body.items[a].x', theirs: 1, ours: 2 },
      { place: 'body.items[c]', theirs: undefined, ours: { name: 'c' } },
    ]);
  });

  test('between causes are told apart from those between their texts and their order', () => {
    const both = refusal([cause('a'), cause('b')]);
    assert.equal(classOf(both, refusal([cause('a')])), 'causes missing');
    assert.equal(classOf(refusal([cause('a')]), both), 'causes too many');
    assert.equal(classOf(both, refusal([cause('a'), cause('b', 'another text')])), 'texts of causes');
    assert.equal(classOf(both, refusal([cause('b'), cause('a')])), 'order of causes');
    assert.equal(classOf(both, refusal([cause('a'), cause('b')], { message: 'n' })), 'message');
  });

  test('between yes and no come first', () => {
    assert.equal(classOf(refusal([]), answer({})), 'we accept');
    assert.equal(classOf(answer({}), refusal([])), 'we refuse');
    assert.equal(classOf(answer({}, 404), answer({}, 403)), 'code');
    assert.equal(classOf(answer({ a: 1 }), answer({ a: 2 })), 'body');
  });
});

suite('mutations', () => {
  const service = { apiVersion: 'v1', kind: 'Service', spec: { ports: [{ port: 80 }], type: 'ClusterIP' } };
  const all = mutations(service, messageSchema('io.k8s.api.core.v1.Service'), (message) =>
    message.endsWith('ServicePort'),
  );
  const made = (field: string, what: string): unknown =>
    all.find((one) => one.field === field && one.what === what)?.object;

  test('change one field each and leave the object as it was', () => {
    assert.deepEqual(made('spec.ports[0].port', '= -1'), {
      ...service,
      spec: { ...service.spec, ports: [{ port: -1 }] },
    });
    assert.deepEqual(made('spec.type', 'removed'), { ...service, spec: { ports: [{ port: 80 }] } });
    assert.equal(service.spec.ports[0]?.port, 80);
  });

  test('double an item of a list, and make up the fields of messages that are asked for', () => {
    assert.deepEqual(made('spec.ports', '= [{"port":80},{"port":80}]'), {
      ...service,
      spec: { ...service.spec, ports: [{ port: 80 }, { port: 80 }] },
    });
    assert.ok(all.some(({ field }) => field === 'spec.ports[0].nodePort'));
    assert.ok(!all.some(({ field }) => field === 'spec.clusterIP'));
  });
});
