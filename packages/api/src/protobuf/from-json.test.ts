import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import { decodeStrict } from '../decode.ts';
import { applyDefaults } from '../defaults.ts';
import { parseJson } from '../json.ts';
import { apiVersionOf, registry, type ResourceInfo } from '../registry.ts';
import { messageNames, messageSchema, type Schema } from '../schema.ts';
import { arbitraryValue } from '../testing/arbitrary.ts';
import { examples } from '../testing/examples.ts';
import { messageFromJson } from './from-json.ts';
import { writeMessage } from './message-writer.ts';
import { planOf } from './plan.ts';
import { Writer } from './wire.ts';

/** The other way, by way of an object; the error where there is none. */
function byObject(json: Buffer, schema: Schema): Buffer | Error {
  try {
    const text = json.toString('utf8');
    const tree = /[:[,]-?\d{16}/.test(text) ? parseJson(text).value : (JSON.parse(text) as unknown);
    const writer = new Writer();
    writeMessage(writer, schema, tree as Record<string, unknown>);
    return writer.finish();
  } catch (error) {
    return error as Error;
  }
}

function direct(json: Buffer, schema: Schema): Buffer | undefined {
  return messageFromJson({ json, start: 0, isWhole: true }, planOf(schema));
}

/** Whether the text was not left to the other way; what comes of it is the same in any case. */
function agrees(json: Buffer, schema: Schema): boolean {
  const expected = byObject(json, schema);
  const made = direct(json, schema);
  if (made === undefined) return false;
  assert.ok(!(expected instanceof Error), `${String(expected)}: ${json.toString()}`);
  assert.equal(made.toString('hex'), expected.toString('hex'), json.toString());
  return true;
}

/** Names in order, as stored objects have them. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, child]) => [name, sorted(child)]));
}

function stored(info: ResourceInfo, sent: object): Buffer {
  const { object } = decodeStrict(info, sent);
  applyDefaults(info, object);
  object.metadata = {
    ...object.metadata,
    uid: '00000000-0000-4000-8000-000000000000',
    creationTimestamp: '2028-02-29T23:59:59Z',
    annotations: { config: '{"a":"b\\n"}\n\t\b\f\r/', letters: 'é\u2028\u{1f600}\u007f' },
    managedFields: [
      {
        manager: 'm',
        operation: 'Update',
        time: '2026-01-02T03:55:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:b': { 'k:{"p":80}': { '.': {} }, 'k:{"p":443}': {} }, 'f:a': {} },
      },
    ],
  };
  return Buffer.from(JSON.stringify(sorted(object)));
}

const pods = registry.lookup('', 'v1', 'pods');
assert.ok(pods);
const pod = pods.schema;

describe('protobuf from JSON', () => {
  let all = 0;
  let takenInOrder = 0;

  for (const { info, title, object } of examples())
    it(`has the bytes of ${title} without making an object of it`, () => {
      const json = stored(info, object());
      assert.ok(agrees(json, info.schema), json.toString());
    });

  for (const info of registry.all())
    it(`has the bytes of any ${apiVersionOf(info)} ${info.kind}, or leaves it`, () => {
      fc.assert(
        fc.property(arbitraryValue(info.schema), (value) => {
          const { object } = decodeStrict(info, JSON.parse(JSON.stringify(value)));
          if (agrees(Buffer.from(JSON.stringify(sorted(object))), info.schema)) takenInOrder++;
          agrees(Buffer.from(JSON.stringify(object)), info.schema);
          all++;
        }),
        { numRuns: 25 },
      );
    });

  it('makes its part of those whose names are in order', () => {
    assert.equal(all, registry.all().length * 25);
    assert.ok(takenInOrder > all / 6, `only ${takenInOrder} of ${all} were made without an object`);
  });
});

test('every message of the table has a plan', () => {
  for (const name of messageNames()) {
    const schema = messageSchema(name);
    // Others are values of their own forms.
    if (schema.kind !== 'object') continue;
    const plan = planOf(schema);
    assert.ok(plan.places >= schema.wire.filter(({ inline }) => !inline).length);
    assert.equal(plan.fields.length, schema.wire.length, name);
  }
});

const spec = (container: string): string => `{"spec":{"containers":[{"name":"a",${container}}]}}`;

/** Texts that are made without an object, and what they are about. */
const taken: readonly (readonly [what: string, json: string])[] = [
  ['nothing', '{}'],
  ['fields that nobody knows', '{"metadata":{"name":"a","x":[1,{"y":null,"z":[true,false,""]}]},"éa":"\\n"}'],
  ['fields that say null', '{"metadata":{"name":null,"labels":null,"ownerReferences":null},"spec":null}'],
  ['the last of two that was null', '{"metadata":{"name":null,"name":"b"}}'],
  ['empty lists and maps', '{"metadata":{"labels":{},"ownerReferences":[]}}'],
  ['escapes', '{"metadata":{"annotations":{"a":"\\"\\\\\\b\\f\\n\\r\\t/"}}}'],
  ['letters beyond ASCII', '{"metadata":{"annotations":{"a":"é\u{1f600}\ufffd"}}}'],
  [
    'long texts',
    `{"metadata":{"annotations":{"a":"${'x'.repeat(200_000)}","b":"${'\\n'.repeat(200_000)}"}}}`,
  ],
  ['integers of 15 digits', '{"metadata":{"generation":999999999999999}}'],
  [
    'integers of several lengths',
    `{"spec":{"overhead":{},"tolerations":[${[0, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 35]
      .flatMap((n) => [n, -1 - n])
      .map((n) => `{"tolerationSeconds":${n}}`)
      .join()}]}}`,
  ],
  [
    'ports by number and by name',
    spec('"livenessProbe":{"httpGet":{"port":80}},"readinessProbe":{"httpGet":{"port":"http"}}'),
  ],
  ['ports below 0', spec('"livenessProbe":{"httpGet":{"port":-80}}')],
  ['integers of 15 digits below 0', '{"metadata":{"generation":-999999999999999}}'],
  ['quantities', spec('"resources":{"limits":{"cpu":"1","memory":""}}')],
  [
    'times of another form',
    '{"metadata":{"creationTimestamp":"2026-01-02T03:04:05.5+01:00","deletionTimestamp":"1969-12-31T23:59:59Z"}}',
  ],
  ['times that are none', '{"metadata":{"creationTimestamp":"2026-02-29T00:00:00Z","deletionTimestamp":""}}'],
  [
    'names in several orders',
    '{"metadata":{"managedFields":[{"fieldsV1":{"f:b":{},"f:a":{"toJSON":{},"__proto__":{}}}}]}}',
  ],
  [
    'raw values of any type',
    '{"metadata":{"managedFields":[{"fieldsV1":"a\\n"},{"fieldsV1":[1,-2,null]},{"fieldsV1":{}}]}}',
  ],
];

for (const [what, text] of taken)
  test(`no object is made of a pod with ${what}`, () => {
    assert.ok(agrees(Buffer.from(text), pod), text.slice(0, 1_000));
  });

const deep = (count: number): string => `${'[1,'.repeat(count)}[]${']'.repeat(count)}`;

/** Texts that are left to the other way, which fails of some. */
const left: readonly (readonly [what: string, json: string | Buffer])[] = [
  ['the same field twice', '{"metadata":{"name":"a","name":"b"}}'],
  ['the same field twice, of which one is null', '{"metadata":{"name":"a","name":null}}'],
  ['the same label twice', '{"metadata":{"labels":{"a":"1","a":"2"}}}'],
  ['labels in no order', '{"metadata":{"labels":{"b":"1","a":"2"}}}'],
  ['labels with other letters', '{"metadata":{"labels":{"\ue000":"1","\u{1f600}":"2"}}}'],
  [
    'the same name twice in what is written as it is',
    '{"metadata":{"managedFields":[{"fieldsV1":{"f:b":1,"f:a":2,"f:b":3}}]}}',
  ],
  [
    'numbers as names in what is written as it is',
    '{"metadata":{"managedFields":[{"fieldsV1":{"10":1,"9":2}}]}}',
  ],
  ['integers that could be rounded', '{"metadata":{"generation":9007199254740993}}'],
  ['unknown integers that could be rounded', '{"x":1234567890123456}'],
  ['a 0 below 0', '{"metadata":{"generation":-0}}'],
  ['a 0 below 0 in what is written as it is', '{"metadata":{"managedFields":[{"fieldsV1":{"a":-0}}]}}'],
  ['fractions', '{"metadata":{"generation":1.5}}'],
  ['powers', '{"x":1e3}'],
  ['letters that are escaped without need', '{"metadata":{"name":"\\u0061\\/"}}'],
  ['half a letter', '{"metadata":{"name":"\\ud800"}}'],
  ['names that are escaped', '{"m\\u0065tadata":{"name":"a"}}'],
  ['a number for a text', '{"metadata":{"name":5}}'],
  ['a text for a number', '{"metadata":{"generation":"5"}}'],
  ['a text for a truth', '{"spec":{"hostNetwork":"true"}}'],
  ['an object for a list', '{"spec":{"containers":{}}}'],
  ['a list for an object', '{"spec":[]}'],
  ['a list for a map', '{"metadata":{"labels":["a"]}}'],
  ['null in a list', '{"spec":{"containers":[null]}}'],
  ['null in a list of texts', '{"metadata":{"finalizers":[null]}}'],
  ['null in a map', '{"metadata":{"labels":{"a":null}}}'],
  ['spaces', '{ "metadata":{}}'],
  ['something behind it', '{}x'],
  ['what is deep', `{"x":${deep(100)}}`],
  [
    'bytes that are no text',
    Buffer.concat([Buffer.from('{"metadata":{"name":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}}')]),
  ],
  ['a line in a text', '{"metadata":{"name":"a\nb"}}'],
  ['no end', '{"metadata":{"name":"a"'],
  ['a comma too many', '{"metadata":{"finalizers":["a",]}}'],
  ['no comma', '{"metadata":{"name":"a" "uid":"b"}}'],
  ['half a literal', '{"x":tru}'],
  ['a sign without a number', '{"x":-}'],
  ['a number that begins with 0', '{"x":01}'],
  ['nothing at all', ''],
  ['no object', '[]'],
];

for (const [what, text] of left)
  test(`a pod with ${what} is left to the encoder of objects`, () => {
    assert.equal(direct(Buffer.from(text), pod), undefined);
  });

test('integers of any size and sign have their bytes', () => {
  const most = 10 ** 15 - 1;
  const integer = fc.oneof(
    fc.integer({ min: -most, max: most }),
    fc.integer(),
    fc.integer({ min: -130, max: 130 }),
  );
  fc.assert(
    fc.property(fc.array(integer), integer, integer, (seconds, priority, port) => {
      const tolerations = seconds.map((tolerationSeconds) => ({ tolerationSeconds }));
      const containers = [{ name: 'a', livenessProbe: { httpGet: { port } } }];
      const json = Buffer.from(JSON.stringify({ spec: { containers, priority, tolerations } }));
      assert.ok(agrees(json, pod), json.toString());
    }),
    { numRuns: 500 },
  );
});

test('what was left leaves nothing behind', () => {
  const json = stored(pods, { metadata: { name: 'a' }, spec: { containers: [{ name: 'a' }] } });
  for (const [, text] of left) {
    direct(Buffer.from(text), pod);
    assert.ok(agrees(json, pod));
  }
});

test('no text of strange values is taken for another', () => {
  const strange = [
    'null',
    '5',
    '-0',
    '-7',
    '1.5',
    '1e3',
    '"x"',
    '""',
    '"\\u0061"',
    '"\\ud83d"',
    '[]',
    '[null]',
    '{}',
    '{"a":1}',
    'true',
    '12345678901234567',
    '{"a":1,"a":2}',
    'tru',
    '"2026-01-02T03:04:05Z"',
    '"1Gi"',
    '"é"',
  ];
  const all = examples().map(({ info, object }) => ({ info, text: stored(info, object()).toString() }));
  let count = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...all),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom(...strange)), { minLength: 1, maxLength: 3 }),
      ({ info, text }, changes) => {
        let changed = text;
        for (const [at, value] of changes) {
          // Values that stand alone, wherever they are.
          const values = [
            ...changed.matchAll(/(?<=[:[,])(?:"(?:[^"\\]|\\.)*"(?!:)|\d+|true|false|\{\}|\[\])/g),
          ];
          const found = values[at % values.length];
          if (found === undefined) return;
          changed = changed.slice(0, found.index) + value + changed.slice(found.index + found[0].length);
        }
        if (agrees(Buffer.from(changed), info.schema)) count++;
      },
    ),
    { numRuns: 3_000 },
  );
  assert.ok(count > 300, `only ${count} were made without an object`);
});

test('no text with broken bytes is taken for another', () => {
  const all = examples().map(({ info, object }) => ({ info, json: stored(info, object()) }));
  fc.assert(
    fc.property(
      fc.constantFrom(...all),
      fc.nat(),
      fc.nat({ max: 3 }),
      fc.oneof(fc.constantFrom(...Buffer.from('"\\{}[],:0-19.eE tfn\u0000')), fc.nat({ max: 255 })),
      ({ info, json }, at, cut, byte) => {
        const start = at % json.length;
        const broken = Buffer.concat([
          json.subarray(0, start),
          Buffer.from([byte]),
          json.subarray(start + cut),
        ]);
        agrees(broken, info.schema);
      },
    ),
    { numRuns: 5_000 },
  );
});

test('an object of a megabyte of small messages has its bytes', () => {
  const env = Array.from({ length: 40_000 }, (_, i) => ({ name: `n${i}`, value: 'v' }));
  const json = Buffer.from(JSON.stringify({ spec: { containers: [{ env, name: 'a' }] } }));
  assert.ok(agrees(json, pod));
});
