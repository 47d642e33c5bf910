import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registry } from '@timonier/api';
import { StoredObject } from '../storage/stored-object.ts';
import { changeOf } from './watch-cache.ts';
import { ResourceCache } from './resource-cache.ts';
import { Selection } from './selection.ts';

const root = '/registry/';
const pods = registry.lookup('', 'v1', 'pods');
assert.ok(pods !== undefined);

function pod(name: string, node: string | undefined, revision = 1, labels = {}): StoredObject {
  const spec = node === undefined ? {} : { nodeName: node };
  const metadata = { name, namespace: 'default', labels };
  const json = Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec }));
  return new StoredObject(`${root}pods/default/${name}`, json, revision, 1);
}

function selection(fieldSelector: string, labelSelector = ''): Selection {
  assert.ok(pods !== undefined);
  return new Selection(pods, root, { namespace: '', name: '', labelSelector, fieldSelector });
}

function ofNode(node: string): NonNullable<Selection['required']> {
  const { required } = selection(`spec.nodeName=${node}`);
  assert.ok(required !== undefined);
  return required;
}

test('only what asks for one value of the indexed field is looked up by it', () => {
  assert.equal(selection('spec.nodeName=a').required?.value, 'a');
  assert.equal(selection('status.phase=Running,spec.nodeName=').required?.value, '');
  for (const other of ['spec.nodeName!=a', 'metadata.name=a', ''])
    assert.equal(selection(other).required, undefined);
});

test('objects by node are those that a look at all of them finds, in the same order, whatever becomes of them', () => {
  const cache = new ResourceCache(0, 100);
  const nodes = ['a', 'b', 'c', undefined];
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 0x7fffffff;
    return seed % below;
  };
  for (let step = 0; step < 3_000; step++) {
    const name = `pod-${random(60)}`;
    const { key } = pod(name, undefined);
    cache.put(key, random(4) === 0 ? undefined : pod(name, nodes[random(4)], step));
    // From the middle on, for the index is made of what is there.
    if (step < 100 || step % 10 > 0) continue;
    for (const node of ['a', 'b', 'c', '', 'none']) {
      const { value, valueOf } = ofNode(node);
      const found = cache.index.valuesArray().filter((object) => valueOf(object) === value);
      assert.deepEqual(cache.under(ofNode(node)), found);
    }
  }
});

test('a change wakes those whom it concerns, before or after it, and nobody else', () => {
  const cache = new ResourceCache(0, 1_000);
  const woken: string[] = [];
  const routes = ['a', 'b', 'c'].map((node) => cache.log.follow(() => woken.push(node), ofNode(node)));
  for (const route of routes) assert.equal(cache.log.nextFor(route, 0), 0);
  cache.log.onAppend(() => woken.push('all'));
  const change = (before: StoredObject | undefined, after: StoredObject | undefined): string[] => {
    woken.length = 0;
    cache.log.append(changeOf(2, before, after));
    cache.log.notify();
    return woken.toSorted();
  };
  assert.deepEqual(change(undefined, pod('x', undefined)), ['all']);
  assert.deepEqual(change(pod('x', undefined), pod('x', 'a')), ['a', 'all']);
  assert.deepEqual(change(pod('x', 'a'), pod('x', 'b')), ['a', 'all', 'b']);
  assert.deepEqual(change(pod('x', 'b'), undefined), ['all', 'b']);
  const [first, second] = routes;
  assert.ok(first !== undefined && second !== undefined);
  cache.log.leave(second);
  assert.deepEqual(change(pod('x', 'b'), undefined), ['all']);
  // Which changes those were, however late it asks.
  const next = (sequence: number): number => cache.log.nextFor(first, sequence);
  assert.deepEqual([next(0), next(2), next(3)], [1, 2, 5]);
  assert.deepEqual(change(undefined, pod('y', 'a')), ['a', 'all']);
  assert.equal(next(3), 5);
  woken.length = 0;
  cache.log.close();
  assert.deepEqual(woken.toSorted(), ['a', 'all', 'c']);
});

test('reading ahead lets others have their turn, and is done once', async () => {
  const cache = new ResourceCache(0, 10);
  for (let i = 0; i < 600; i++) {
    const object = pod(`pod-${i}`, 'a');
    cache.put(object.key, object);
  }
  let read = 0;
  let turns = 0;
  let isOver = false;
  const others = (): void => {
    turns++;
    if (!isOver) setImmediate(others);
  };
  setImmediate(others);
  await cache.readAhead('labels', () => {
    read++;
    for (const until = performance.now() + 0.2; performance.now() < until;);
  });
  isOver = true;
  assert.equal(read, 600);
  assert.ok(turns > 10, `${turns} turns`);
  await cache.readAhead('labels', () => read++);
  assert.equal(read, 600);
  await cache.readAhead('fields', () => read++);
  assert.equal(read, 1_200, 'of fields by itself');
});

test('who selects by labels has nothing read behind them, and who selects by fields no labels', () => {
  const json = Buffer.from(
    '{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"7","annotations":{"labels":"}"},"labels":{"a":"b"},"x":BROKEN',
  );
  const broken = new StoredObject(`${root}pods/default/x`, json, 7, 7);
  assert.deepEqual(selection('', 'a=b').reads, ['labels']);
  assert.deepEqual(selection('status.phase=', 'a').reads, ['labels', 'fields']);
  assert.ok(selection('', 'a=b').matches(broken));
  assert.ok(!selection('', 'a!=b').matches(broken));
  assert.throws(() => selection('spec.nodeName=a', 'a=b').matches(broken), SyntaxError);
  assert.deepEqual(selection('spec.nodeName=a', 'a=b').reads, ['index']);
  const text = '{"apiVersion":"v1","kind":"Pod","metadata":{},"spec":{"nodeName":"n","x":BROKEN';
  const bound = new StoredObject(`${root}pods/default/x`, Buffer.from(text), 7, 7);
  assert.equal(ofNode('n').valueOf(bound), 'n', 'nor behind the field of the index');
  assert.ok(!selection('spec.nodeName=a', 'a=c').matches(broken), 'labels come first');
  for (const metadata of ['{}', '{"name":"x"}', '{"labels":null,"name":"x"}']) {
    const text = `{"apiVersion":"v1","kind":"Pod","metadata":${metadata},"labels":{"a":"b"}}`;
    const bare = new StoredObject(`${root}pods/default/x`, Buffer.from(text), 7, 7);
    assert.deepEqual(bare.labels(), {}, metadata);
  }
  assert.deepEqual(pod('x', 'n', 1, { a: '\u00e9"' }).labels(), { a: '\u00e9"' });
});
