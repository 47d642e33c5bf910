/** Texts of kube-apiserver 1.36 about bodies that are no YAML, as seen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml } from './yaml.ts';
import { listedProblems } from './yaml-complaints.ts';

const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n';
const seen: readonly (readonly [string, string])[] = [
  [`${head}data:\n\ta: b\n`, 'yaml: line 5: found character that cannot start any token'],
  [`${head}data: @x\n`, 'yaml: line 4: found character that cannot start any token'],
  [`${head}data:\n  a: "b\n`, 'yaml: line 6: found unexpected end of stream'],
  ['"x', 'yaml: found unexpected end of stream'],
  [`${head}data: {a: b\n`, "yaml: line 4: did not find expected ',' or '}'"],
  ['[a', "yaml: line 1: did not find expected ',' or ']'"],
  ['a: [', 'yaml: line 1: did not find expected node content'],
  ['[a,', 'yaml: line 1: did not find expected node content'],
  [`${head}data:\n  a: b\n c: d\n`, 'yaml: line 5: did not find expected key'],
  [`${head}- a\n`, 'yaml: line 3: did not find expected key'],
  ['- - a: b\n c', "yaml: line 1: did not find expected '-' indicator"],
  [`${head}data: *x\n`, "yaml: unknown anchor 'x' referenced"],
  [`${head}data:\n  a: b: c\n`, 'yaml: line 5: mapping values are not allowed in this context'],
  ['a: b: c', 'yaml: mapping values are not allowed in this context'],
  [`${head}immutable: -\n`, 'yaml: line 4: block sequence entries are not allowed in this context'],
  [`${head}data: {a: "\\x"}\n`, 'yaml: line 4: did not find expected hexdecimal number'],
  [`${head}data: {a: \u0001}\n`, 'yaml: control characters are not allowed'],
];

for (const [text, message] of seen)
  test(`${JSON.stringify(text.replace(head, ''))} is refused in upstream’s words`, () =>
    assert.throws(() => parseYaml(text), { message }));

test('keys that are there twice are listed as one error, before the others', () => {
  const { duplicates } = parseYaml(`${head}data:\n  a: "1"\n  a: "2"\n  b: c\n  b: d\n`);
  assert.deepEqual(listedProblems([...duplicates, 'unknown field "what"']), [
    'yaml: unmarshal errors:\n  line 6: key "a" already set in map\n  line 8: key "b" already set in map',
    'unknown field "what"',
  ]);
  assert.deepEqual(listedProblems(['duplicate field "a"']), ['duplicate field "a"']);
});
