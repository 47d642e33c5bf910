import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonSyntaxError } from './json-syntax.ts';

test('what is no JSON is told in the words of Go', () => {
  const texts: Readonly<Record<string, string>> = {
    '': 'unexpected end of JSON input',
    '{': 'unexpected end of JSON input',
    '{"a": 1} {}': "invalid character '{' after top-level value",
    '{a: 1}': "invalid character 'a' looking for beginning of object key string",
    '{"a" 1}': "invalid character '1' after object key",
    '{"a": 1 2}': "invalid character '2' after object key:value pair",
    '[1 2]': "invalid character '2' after array element",
    '[1,]': "invalid character ']' looking for beginning of value",
    what: "invalid character 'w' looking for beginning of value",
    nil: "invalid character 'i' in literal null (expecting 'u')",
    '-x': "invalid character 'x' in numeric literal",
    '1.x': "invalid character 'x' after decimal point in numeric literal",
    '"\\x"': "invalid character 'x' in string escape code",
    '"a\nb"': "invalid character '\\n' in string literal",
  };
  for (const [text, expected] of Object.entries(texts)) assert.equal(jsonSyntaxError(text), expected, text);
});
