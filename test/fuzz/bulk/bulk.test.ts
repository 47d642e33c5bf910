/** Long objects of every kind, and a short hunt with a real server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeStrict } from '@timonier/api/decode';
import { examples } from '../../../packages/api/src/testing/examples.ts';
import { Subject } from '../apiserver/subject.ts';
import { lengthened, lengthenedEverywhere } from './bodies.ts';
import { hunt } from './hunt.ts';
import { nameOf, placesOf } from './places.ts';
import { formatHunt, growsFaster } from './table.ts';

const bytes = 3_000;

test('every list and map of every kind can be made long, and the object stays one of its kind', () => {
  let count = 0;
  for (const { info, title, object } of examples()) {
    const places = placesOf(info.schema);
    const usual = JSON.stringify(object()).length;
    for (const place of places) {
      count++;
      const long = lengthened(object(), info.schema, place, bytes);
      const { length } = JSON.stringify(long);
      const where = `${title} ${nameOf(place)}: ${length} characters`;
      assert.ok(length >= bytes && length < usual + 2 * bytes, where);
      assert.deepEqual(decodeStrict(info, structuredClone(long)).problems, [], where);
    }
    const everywhere = lengthenedEverywhere(object(), info.schema, places, bytes);
    assert.ok(JSON.stringify(everywhere).length > bytes / 2, title);
  }
  assert.ok(count > 2_000, `${count} places`);
});

test('items of a list differ in what they are told apart by', () => {
  const pod = examples().find(({ title }) => title === 'v1 Pod');
  assert.ok(pod);
  const { schema } = pod.info;
  const place = placesOf(schema).find((one) => nameOf(one) === 'spec.volumes');
  assert.ok(place);
  const { spec } = lengthened(pod.object(), schema, place, bytes) as {
    spec: { volumes: { name: string }[] };
  };
  assert.equal(new Set(spec.volumes.map(({ name }) => name)).size, spec.volumes.length);
});

test('what grows as its body does is not said to grow faster', () => {
  const held = (ms: number) => ({ ms, status: 200, why: '', answerBytes: 0 });
  assert.equal(growsFaster({ quarter: held(50), whole: held(210) }), false);
  assert.equal(growsFaster({ quarter: held(50), whole: held(800) }), true);
  assert.equal(growsFaster({ quarter: held(1), whole: held(16) }), false);
});

test('a hunt sends one kind in every way, and tells what each took', async (t) => {
  const subject = await Subject.start(t);
  const found = await hunt(subject, {
    kinds: /^v1 ConfigMap$/,
    places: /^data$/,
    everywhere: false,
    bytes: 8_000,
    seconds: 60,
    worst: 1,
    log: () => undefined,
  });
  assert.deepEqual(found.findings.map(({ request, whole }) => `${request} ${whole.status}`).sort(), [
    'JSON patch 200',
    'apply 200',
    'apply again 200',
    'apply by another 200',
    'create 201',
    'merge 200',
    'strategic 200',
    'update 200',
  ]);
  assert.ok(found.findings.every(({ whole }) => whole.ms > 0));
  assert.deepEqual(found.left, []);
  assert.match(formatHunt(found, 20), /\| create \| v1 ConfigMap \| data \|/);
});
