import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseYaml } from './yaml.ts';
import { formatYaml } from './yaml-text.ts';

const words = Array.from({ length: 20 }, () => 'word').join(' ');

void test('an object is written as Kubernetes writes it', () => {
  const object = {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: {
      name: 'y',
      labels: {},
      creationTimestamp: '2026-01-02T03:04:05Z',
      finalizers: ['a', 'b: c', []],
      owners: [{ name: 'o', kind: 'K' }, { only: ['x'] }],
    },
    data: {
      a10: 'yes',
      a2: '',
      '.': "it's",
      n: '# none',
      long: words,
      lines: 'one\n\n  two\n',
      tab: '\tx',
      count: '1e3',
      time: '12:30:45',
    },
    number: 1.5,
    nothing: null,
  };
  assert.equal(
    formatYaml(object),
    `apiVersion: v1
data:
  .: it's
  a2: ""
  a10: "yes"
  count: "1e3"
  lines: |
    one

      two
  long: word word word word word word word word word word word word word word word
    word word word word word
  "n": '# none'
  tab: "\\tx"
  time: "12:30:45"
kind: ConfigMap
metadata:
  creationTimestamp: "2026-01-02T03:04:05Z"
  finalizers:
  - a
  - 'b: c'
  - []
  labels: {}
  name: "y"
  owners:
  - kind: K
    name: o
  - only:
    - x
nothing: null
number: 1.5
`,
  );
});

void test('what is written is read as what it was', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc
      .array(fc.constantFrom('a', ' ', '\n', ':', '#', '-', "'", '"', '0', '.', 'é', ','), { maxLength: 120 })
      .map((list) => list.join('')),
    fc.constantFrom('y', 'null', '0x1', '.inf', '-', '?', '...', '---', '1_000', '2026-01-02', '<<', '='),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(
        text.filter((key) => key !== '<<'),
        tie('value'),
        { maxKeys: 4, noNullPrototype: true },
      ),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'b'), value, { noNullPrototype: true }), (object) => {
      assert.deepEqual(parseYaml(formatYaml(object)).value, object);
    }),
    { numRuns: 500 },
  );
});
